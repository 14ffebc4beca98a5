"""Errors of the datastore."""


class HolderLost(Exception):
    """Another run holds the task now; nothing may be written for it any more."""
