"""Recording how runs ended: kept and repeated until the database has taken it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from connector import log
from connector.config import Settings
from connector.db.engine import Database, Tx
from connector.db.errors import Locked, Unavailable
from connector.jobs import fence, outcomes
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.states import State
from connector.worker.channel import Message

_log = log.logger(__name__)

AGAIN = 0.5
"""Seconds until a row that was locked is tried again."""

Write = Callable[[Tx], State]


@dataclass(slots=True)
class Ended:
    """A run that is over, and the verb that says so."""

    run: Run
    verb: str
    write: Write
    locked_until: float = 0.0
    """Monotonic time before which it is not tried again; 0: nobody has locked its row."""


class Recorder:
    """Ends of runs on their way into the database, in order."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._waiting: deque[Ended] = deque()

    @property
    def tokens(self) -> set[str]:
        """Jobs whose end is not in the database yet."""
        return {ended.run.token for ended in self._waiting}

    def outcome(self, run: Run, message: Message) -> None:
        """Take what a slot says of a run."""
        match message["type"]:
            case "finished":
                self._add(run, "finish", lambda tx: outcomes.finish(tx, run, message["result"]))
            case "failed":
                error, result = message["error"], message["result"]
                self._add(run, "fail", lambda tx: outcomes.fail(tx, run, error, result))
            case "retry":
                self.retry(run, message["error"], message["after"])
            case "release":
                self.release(run, message["reason"], message["after"])

    def retry(self, run: Run, error: str, after: float | None = None) -> None:
        """Take a failure that may pass."""
        queue = self._settings.queue(run.queue)
        pause = queue.retry_pause(run.failures + 1) if after is None else after
        most = queue.max_attempts
        self._add(run, "retry", lambda tx: outcomes.retry(tx, run, error, pause, most))

    def release(self, run: Run, reason: str, pause: float = 0.0) -> None:
        """Take a run to be handed back without charge."""
        self._add(run, "release", lambda tx: outcomes.release(tx, run, reason, pause))

    def fail(self, run: Run, error: str) -> None:
        """Take a failure that another try would not mend."""
        self._add(run, "fail", lambda tx: outcomes.fail(tx, run, error))

    def stopped(self, run: Run) -> None:
        """Take a run that was ended because somebody asked for it."""
        self._add(run, "stop", lambda tx: outcomes.stop(tx, run))

    def forget(self) -> None:
        """Drop what waits: the lease is lost, and others decide."""
        self._waiting.clear()

    def record(self, now: float) -> None:
        """Write what waits. Raises Unavailable; what is not written then is kept.

        A job whose row somebody has locked is passed over at once when it is tried again.
        """
        for _ in range(len(self._waiting)):
            ended = self._waiting[0]
            try:
                if ended.locked_until > now or (ended.locked_until and self._still_locked(ended)):
                    self._waiting.rotate(-1)
                    continue
                self._record(ended)
                self._waiting.popleft()
            except Locked as error:
                if not ended.locked_until:
                    _log.warning("end of run waits", token=ended.run.token, error=str(error))
                ended.locked_until = now + AGAIN
                self._waiting.rotate(-1)

    def _still_locked(self, ended: Ended) -> bool:
        return self._database.run(fence.locked, ended.run.token)

    def _record(self, ended: Ended) -> None:
        bound = _log.bind(token=ended.run.token, attempt=ended.run.attempt)
        try:
            state = self._database.run(ended.write)
            bound.info("run ended", verb=ended.verb, state=state.value)
        except LeaseLost:
            bound.warning("write refused: the job is no longer held", verb=ended.verb)
            self._database.run(outcomes.refused, ended.run, ended.verb)
        except Unavailable:
            raise
        except Exception as error:
            # Nothing that one action says may end the worker, and all its other actions with it.
            bound.exception("end of run cannot be stored", verb=ended.verb)
            said = f"how it ended cannot be stored: {type(error).__name__}"
            self._database.run(outcomes.fail, ended.run, said)

    def _add(self, run: Run, verb: str, write: Write) -> None:
        self._waiting.append(Ended(run, verb, write))
