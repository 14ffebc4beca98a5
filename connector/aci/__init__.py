"""The HTTP face: the ACI protocol."""
