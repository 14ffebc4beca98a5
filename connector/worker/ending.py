"""Why a worker ends a slot."""

from enum import Enum, auto


class Ending(Enum):
    """Why a slot's run is being ended by us."""

    STOP = auto()
    PAUSE = auto()
    LIMIT = auto()
    """It has used up its time."""
    SHUTDOWN = auto()
    DEAF = auto()
    """It has closed its channel, and lives."""
    LOST = auto()
    """The lease is gone: somebody else may run it, nothing may be written."""
