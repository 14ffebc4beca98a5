"""The fetch actions: one file each."""
