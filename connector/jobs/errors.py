"""Errors of the queue.

JobError
├── KeyReused       another request has been sent with this idempotency key
├── LeaseLost       a write about a running job by one who no longer holds it
├── NoSuchJob       no job has this token
├── NoSuchQueue     no queue has this name
├── NoSuchSchedule  no task of this name has a schedule
├── QueueFull       as many wait in the queue as may
├── ScheduleSpoilt  the row of a schedule cannot be read
├── TaskBusy        a task has an action already, and takes no second one
└── WrongState      the verb does not apply to the state the job is in
    └── CannotPause it runs, and cannot go on later from where it is
"""

from collections.abc import Sequence

from connector.jobs.states import State


class JobError(Exception):
    """Base of what the queue's verbs raise."""


class KeyReused(JobError):
    """Another request has been sent with this idempotency key, and became `token`.

    None: it was for another queue, which is not for everybody to hear of.
    """

    def __init__(self, key: str, token: str | None) -> None:
        which = f", {token}" if token else ""
        super().__init__(f"the idempotency key {key!r} belongs to another request{which}")
        self.key = key
        self.token = token


class LeaseLost(JobError):
    """The writer's attempt is over: the job was rescued, claimed again or ended meanwhile."""

    def __init__(self, token: str, attempt: int) -> None:
        super().__init__(f"attempt {attempt} of {token} no longer holds its job")
        self.token = token
        self.attempt = attempt


class NoSuchJob(JobError):
    """No job has this token: never stored, or pruned after its time."""

    def __init__(self, token: str) -> None:
        super().__init__(f"no action has the token {token}")
        self.token = token


class NoSuchQueue(JobError):
    """No queue has this name; `known`: those there are."""

    def __init__(self, queue: str, known: Sequence[str]) -> None:
        there = ", ".join(known) or "none yet: a queue is there once a worker has served it"
        super().__init__(f"there is no queue {queue}; there is {there}")
        self.queue = queue


class NoSuchSchedule(JobError):
    """No task of this name has a schedule; `known`: those that have one."""

    def __init__(self, task: str, known: Sequence[str]) -> None:
        there = ", ".join(known) or "none yet: a worker makes them from the configuration"
        super().__init__(f"the task {task} has no schedule; there is {there}")
        self.task = task


class QueueFull(JobError):
    """As many actions wait in the queue as may (MaxQueueSize): nothing was stored."""

    def __init__(self, queue: str, most: int) -> None:
        super().__init__(f"{most} actions wait in the queue {queue}, which is as many as may")
        self.queue = queue
        self.most = most


class ScheduleSpoilt(JobError):
    """The row of a schedule cannot be read: changed by hand, or its time zone is unknown here."""

    def __init__(self, task: str, why: str) -> None:
        super().__init__(f"the schedule of {task} cannot be read: {why}")
        self.task = task


class TaskBusy(JobError):
    """The action `token` runs on the task or waits for it (OnOverlap): nothing was stored."""

    def __init__(self, task: str, token: str) -> None:
        super().__init__(f"the task {task} has an action already, {token}")
        self.task = task
        self.token = token


class WrongState(JobError):
    """The verb does not apply to a job in this state."""

    def __init__(self, verb: str, token: str, state: State) -> None:
        super().__init__(f"cannot {verb} {token}: it is {state}")
        self.verb = verb
        self.token = token
        self.state = state


class CannotPause(WrongState):
    """The job runs, and its action cannot go on later from where it is."""

    def __init__(self, token: str) -> None:
        super().__init__("pause", token, State.RUNNING)
