"""Recording how runs ended: kept and repeated until the database has taken it."""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from connector import board, log
from connector.board.metrics import Metric
from connector.config import Settings
from connector.db.engine import Database, Tx
from connector.db.errors import Locked, TooLarge, Unavailable
from connector.jobs import fence, outcomes, progress
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.news import told_of
from connector.jobs.outbox import NOBODY, Outbox
from connector.jobs.states import State
from connector.worker.channel import Message
from connector.worker.ending import Ending
from connector.worker.together import Ended, Together, Write, probe

_log = log.logger(__name__)

ASIDE = 30.0
"""Seconds after which an end that the database refuses altogether is tried again."""

UNANSWERED = 3
"""Times that the database may give no answer to one end, and to others it does."""


class Recorder:
    """Ends of runs on their way into the database, in order.

    Each takes along what its run has told and is not stored yet (`told` of an end). Many that are
    plain are written beside what the caller does; `told` is called when that is done.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        outbox: Outbox = NOBODY,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._outbox = outbox
        self._waiting: deque[Ended] = deque()
        self._aside: list[Ended] = []
        self._aside_until = 0.0
        self._locked: set[str] = set()
        self._together = Together(database, self._waiting, told)
        self._unanswered: Counter[str] = Counter()
        self.handed_back: set[str] = set()
        """News of jobs that were handed back; for whoever looks for these to clear."""
        self._news: set[str] = set()
        """Those of which other workers have not been told."""
        self._moved: Callable[[], None] = lambda: None

    @property
    def tokens(self) -> set[str]:
        """Jobs whose end is not in the database yet."""
        return {ended.run.token for ended in (*self._waiting, *self._aside)}

    def outcome(self, run: Run, message: Message, told: Message) -> None:
        """Take what a slot says of a run."""
        match message["type"]:
            case "finished":
                self._finished(run, message["result"], message.get("parts", ()), told)
            case "failed":
                parts, result, error = message.get("parts", ()), message["result"], message["error"]
                self._add(
                    run,
                    "fail",
                    lambda tx: outcomes.fail(tx, run, error, result, self._read(parts)),
                    told,
                )
            case "retry":
                self.retry(run, message["error"], message["after"], told)
            case "release":
                self.release(run, message["reason"], message["after"], told)

    def death(self, run: Run, ending: Ending | None, why: str, status: int, told: Message) -> None:
        """Take a run whose slot has ended without a word about it.

        `ending`: if we have ended it, and `why`; `status`: of its process.
        """
        match ending:
            case Ending.STOP:
                self._add(run, "stop", lambda tx: outcomes.stop(tx, run), told)
            case Ending.PAUSE:
                self.release(run, "it was paused", told=told)
            case Ending.SHUTDOWN:
                self.release(run, "the server was shut down", told=told)
            case Ending.LIMIT if self._settings.queue(run.queue).on_limit == "fail":
                self.fail(run, why, told)
            case Ending.LIMIT:
                self.retry(run, why, told=told)
            case Ending.DEAF:
                self.retry(run, why or "its process closed its channel, and was killed", told=told)
            case Ending.LOST:
                _log.warning("run ended without a word: its lease is lost", token=run.token)
            case None:
                how = f"signal {-status}" if status < 0 else f"exit status {status}"
                self.retry(run, f"its process died ({how})", told=told)

    def retry(
        self, run: Run, error: str, after: float | None = None, told: Message | None = None
    ) -> None:
        """Take a failure that may pass."""
        queue = self._settings.queue(run.queue)
        pause = queue.retry_pause(run.failures + 1) if after is None else after
        most = queue.max_attempts
        self._add(run, "retry", lambda tx: outcomes.retry(tx, run, error, pause, most), told)

    def release(
        self, run: Run, reason: str, pause: float = 0.0, told: Message | None = None
    ) -> None:
        """Take a run to be handed back without charge."""
        self._add(run, "release", lambda tx: outcomes.release(tx, run, reason, pause), told)

    def fail(self, run: Run, error: str, told: Message | None = None) -> None:
        """Take a failure that another try would not mend."""
        self._add(run, "fail", lambda tx: outcomes.fail(tx, run, error), told)

    def _finished(
        self, run: Run, result: Mapping[str, Any], parts: Sequence[bytes], told: Message
    ) -> None:
        if told or parts or self._outbox.hears_of_ends(run.queue):
            self._add(
                run,
                "finish",
                lambda tx: outcomes.finish(tx, run, result, self._read(parts)),
                told,
            )
        else:
            self._waiting.append(Ended(run, "finish", result))

    def record(self, moved: Callable[[], None]) -> bool:
        """Write what waits; return whether something did. Raises Unavailable; it is kept then.

        What is plain and much is written beside, and so may wait on.

        A job whose row somebody has locked is passed over: of those known to be locked only the
        ones that are free by now are tried, so that a lock costs one wait and no more.
        """
        if self._aside and time.monotonic() >= self._aside_until:
            self._waiting += self._aside
            self._aside = []
        self._moved = moved
        waited = self._write_all(moved)
        if self._news:
            self._database.notify(self._news)
            self._news.clear()
        return waited

    def _write_all(self, moved: Callable[[], None]) -> bool:
        locked = self._still_locked()
        waited = bool(self._waiting)
        beside = self._together.begin(locked)
        if not beside:
            self._together.write(locked, moved)
        elif all(ended.plain is not None for ended in self._waiting):
            return waited
        for _ in range(len(self._waiting)):
            ended = self._waiting[0]
            token = ended.run.token
            if token in locked or (beside and ended.plain is not None):
                self._waiting.rotate(-1)
                continue
            moved()
            try:
                self._record(ended)
                self._waiting.popleft()
                self._locked.discard(token)
            except Locked as error:
                if not self._locked:
                    _log.warning("end of run waits", token=token, error=str(error))
                self._waiting.rotate(-1)
                # Of the rest nobody knows: whoever holds one may hold them all.
                self._locked = self.tokens
                locked = self._still_locked() | {token}
            except Unavailable as error:
                self._waiting.rotate(-1)
                self._database.read(probe)  # raises if it is not about this one alone
                self._in_the_way(ended, error)
        return waited

    def _in_the_way(self, ended: Ended, error: Unavailable) -> None:
        """Note that the database, which is there, gives no answer to the end of this run."""
        token = ended.run.token
        self._unanswered[token] += 1
        if self._unanswered[token] >= UNANSWERED:
            del self._unanswered[token]
            self._waiting.remove(ended)
            self._put_aside(ended, error)

    def _still_locked(self) -> set[str]:
        self._locked &= self.tokens
        if not self._locked:
            return set()
        try:
            return self._database.run(fence.locked, self._locked)
        except Locked:
            return self._locked

    def _record(self, ended: Ended) -> None:
        bound = _log.bind(token=ended.run.token, attempt=ended.run.attempt)
        try:
            state = self._database.run(self._outbox.ending, ended.run, ended.write)
            bound.info("run ended", verb=ended.verb, state=state.value)
            if state is State.QUEUED:
                news = told_of(ended.run.queue, ended.run.rank)
                self.handed_back.add(news)
                self._news.add(news)
            board.count(Metric.OUTCOMES, ended.run.queue, ended.verb, state.value)
            if state in (State.FINISHED, State.FAILED):
                board.observe(Metric.ATTEMPTS, ended.run.attempt, ended.run.queue)
        except LeaseLost:
            bound.warning("write refused: the job is no longer held", verb=ended.verb)
            board.count(Metric.REFUSED, ended.run.queue)
            self._database.run(outcomes.refused, ended.run, ended.verb)
        except Unavailable:
            raise
        except Exception as error:
            # Nothing that one action says may end the worker, and all its other actions with it.
            bound.error("end of run cannot be stored", verb=ended.verb, error=in_short(error))
            said = f"how it ended cannot be stored: {for_clients(error)}"
            self._last_resort(ended, lambda tx: outcomes.fail(tx, ended.run, said))

    def _last_resort(self, ended: Ended, write: Write) -> None:
        try:
            self._database.run(self._outbox.ending, ended.run, write)
        except Unavailable:
            raise
        except Exception as error:
            # Somebody may mend the row; until then the job is ours, and nobody runs it again.
            self._put_aside(ended, error)

    def _put_aside(self, ended: Ended, error: Exception) -> None:
        _log.error(
            "nothing can be stored about the job: see to its row by hand",
            token=ended.run.token,
            attempt=ended.run.attempt,
            error=in_short(error),
        )
        self._aside.append(ended)
        self._aside_until = time.monotonic() + ASIDE

    def _read(self, parts: Sequence[bytes]) -> Iterable[str]:
        """Return the parts of a large result as they are stored; () if there are none."""
        return self._each(parts) if parts else ()

    def _each(self, parts: Sequence[bytes]) -> Iterator[str]:
        for part in parts:
            self._moved()  # between two statements: all of them take longer than one may
            yield part.decode()

    def _add(self, run: Run, verb: str, write: Write, told: Message | None = None) -> None:
        with_told = write if not told else lambda tx: _both(tx, run, told, write)
        self._waiting.append(Ended(run, verb, None, with_told))


def in_short(error: Exception) -> str:
    """Return what went wrong, without what follows in the text and may quote the row."""
    said = str(getattr(error, "orig", error)).partition("\n")[0]
    return f"{type(error).__name__}: {said}"


def for_clients(error: Exception) -> str:
    """Return what may be said of it where clients read: nothing that may quote the row."""
    return str(error) if isinstance(error, TooLarge) else type(error).__name__


def _both(tx: Tx, run: Run, told: Message, write: Write) -> State:
    # Repeated after a commit in doubt the first is refused, and the second knows its own write.
    with contextlib.suppress(LeaseLost):
        facts, checkpoint = told.get("progress"), told.get("checkpoint")
        progress.save(tx, run, progress=facts, checkpoint=checkpoint)
    return write(tx)
