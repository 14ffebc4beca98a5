"""What a client is told of the errors of the queue."""

from connector.aci.errors import AciError, Code, unknown_token
from connector.aci.status import WORDS
from connector.aci.storing import KEY
from connector.jobs.errors import (
    CannotPause,
    JobError,
    KeyReused,
    NoSuchJob,
    QueueFull,
    TaskBusy,
    WrongState,
)
from connector.jobs.states import State

_PARTICIPLE = {
    "cancel": "cancelled",
    "stop": "stopped",
    "pause": "paused",
    "resume": "resumed",
    "retry": "run again",
    "reprioritise": "given another priority",
}


def told(error: JobError) -> AciError:
    """Return the error that tells a client why nothing was stored or changed."""
    match error:
        case NoSuchJob(token=token):
            return unknown_token(token, "this queue")
        case CannotPause(token=token):
            return AciError(
                Code.STATE,
                f"Token {token} cannot be paused: its action runs, and one of this kind cannot go "
                "on later from where it is; wait for its end, or use QueueAction=Stop.",
                "Token",
            )
        case WrongState(verb=verb, token=token, state=state):
            hint = "; use QueueAction=Stop to end it" if state is State.RUNNING else ""
            return AciError(
                Code.STATE,
                f"Token {token} cannot be {_PARTICIPLE[verb]}: its action is {WORDS[state]}{hint}.",
                "Token",
            )
        case KeyReused(key=key, token=token):
            became = f", which became {token}" if token else ""
            return AciError(
                Code.KEY_REUSED,
                f"{KEY} {key!r} was sent before with another request{became}; take a new key for "
                "a new request.",
                KEY,
            )
        case QueueFull(queue=queue, most=most):
            return AciError(
                Code.QUEUE_FULL,
                f"{most} actions wait in the queue {queue}, which is as many as may "
                "(MaxQueueSize); nothing was stored, send it again later.",
            )
        case TaskBusy(task=task, token=token):
            return AciError(
                Code.TASK_BUSY,
                f"The task {task} has an action already, {token}, and takes no second one "
                "(OnOverlap); nothing was stored, send it again when that has ended.",
            )
    return AciError(Code.STATE, str(error))
