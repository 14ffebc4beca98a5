"""The life of a job, stated once: states, their groups, and every legal move.

The statements, the guard in the database, the tests over all pairs and docs/states.md are derived
from what stands here.
"""

from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


FINAL = frozenset({State.FINISHED, State.FAILED, State.CANCELLED, State.STOPPED})
"""A job in one of these moves no more, unless an operator reopens it."""

OPEN = frozenset(State) - FINAL
"""A job in one of these still has something ahead of it."""

Move = tuple[State, State]

TRANSITIONS: MappingProxyType[str, tuple[Move, ...]] = MappingProxyType(
    {
        "claim": ((State.QUEUED, State.RUNNING),),
        "finish": ((State.RUNNING, State.FINISHED),),
        "fail": ((State.RUNNING, State.FAILED),),
        "retry": ((State.RUNNING, State.QUEUED),),
        "release": ((State.RUNNING, State.QUEUED),),
        "stop": ((State.RUNNING, State.STOPPED),),
        "hold": ((State.QUEUED, State.PAUSED),),
        "suspend": ((State.RUNNING, State.PAUSED),),
        "resume": ((State.PAUSED, State.QUEUED),),
        "cancel": ((State.QUEUED, State.CANCELLED), (State.PAUSED, State.CANCELLED)),
        "reopen": (
            (State.FAILED, State.QUEUED),
            (State.STOPPED, State.QUEUED),
            (State.CANCELLED, State.QUEUED),
        ),
    }
)
"""Verb to the moves it makes. A job is born queued and deleted only when final."""

MEANING: MappingProxyType[str, str] = MappingProxyType(
    {
        "claim": "A worker takes the job; its attempt goes up by one.",
        "finish": "The action ended well.",
        "fail": "The action ended badly, or has been tried as often as MaxAttempts allows.",
        "retry": "A passing failure, or the slot died: one more failure, and another try later.",
        "release": "Handed back without charge: shutdown, worker or host lost, service away.",
        "stop": "Ended after a stop request, whatever else was happening to it.",
        "hold": "Pause of a job that waits.",
        "suspend": "Pause of a job that runs: it writes its checkpoint and frees its slot.",
        "resume": "A paused job waits for a worker again.",
        "cancel": "Taken out before it ran, or while paused.",
        "reopen": "Retry by an operator: same token, checkpoint kept, failures forgotten.",
    }
)
"""One sentence a verb, for the generated documentation."""

LEGAL = frozenset(move for moves in TRANSITIONS.values() for move in moves)
"""Every legal (source, target)."""


class Requested(StrEnum):
    """What somebody has asked a running job to do; honoured by whichever exit comes first."""

    STOP = "stop"
    PAUSE = "pause"
