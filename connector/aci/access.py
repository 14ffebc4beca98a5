"""How the HTTP face reaches the queue: one writer, one reader, each sharing its transactions."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from connector import log
from connector.aci.errors import AciError, Code
from connector.aci.group import Group, NotBegun, Unfinished
from connector.actions.events import outbox_of
from connector.config import Settings
from connector.db import api_keys, schema
from connector.db.api_keys import ApiKey
from connector.db.engine import Database, Tx
from connector.db.errors import (
    InDoubt,
    Locked,
    SchemaMismatch,
    SchemaMissing,
    TooLarge,
    Unavailable,
)
from connector.jobs import reading, submit
from connector.jobs.job import Job, NewJob
from connector.jobs.news import News

_log = log.logger(__name__)

T = TypeVar("T")
QUIET = 2.0
"""Seconds between two log lines about a database that is away."""

_NO_ANSWER = "The database did not answer."

CHECK = 30.0
"""Seconds between two looks whether this program may still run on the schema."""

RESERVE = 0.5
"""Seconds of the time for an answer that are kept for sending it."""

LEAST = 0.25
"""Seconds of these that one look at the database has at least, after a long wait."""

Verb = Callable[[Tx], Any]
"""A verb with its arguments bound."""

Look = Callable[[Database], Any]
"""What is to be done with the database."""


class Access:
    """The queue, as the event loop may use it: every call ends within the configured time."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self.outbox = outbox_of(settings)
        """Who is to be told of what the verbs do."""
        self.patience = settings.server.answer_seconds - RESERVE
        """Seconds within which every call ends."""
        self._quiet_until = 0.0
        self._check_at = float("-inf")
        self._news = News(database)
        self._writer: Group[NewJob, str] = Group("writer", self._write, lambda _: self._news.tell())
        # Of its own, so that no action waits to be stored behind a row that somebody has locked.
        self._changer: Group[Verb, Any] = Group(
            "changer", self._change, self._tell_of_change, limit=1
        )
        self._reader: Group[str | Verb, Any] = Group("reader", self._read)
        # Of its own, so that nobody who asks for one action waits behind a long listing.
        self._lister: Group[Verb, Any] = Group("lister", self._look, limit=1)
        # Of its own, so that those who watch the server hear of it while it is busy.
        self._inspector: Group[Look, Any] = Group("inspector", self._inspect, limit=1)

    async def submit(self, job: NewJob) -> str:
        """Store an action and return its token; it is durable then. Raises AciError, JobError."""
        doubt = (
            f"The database did not say whether the action was stored. Its token would be "
            f"{job.token}: ask for it with QueueInfo before you send the action again."
        )
        token: str = await self._call(self._writer, job, doubt)
        return token

    async def change(self, verb: Callable[[Tx], T]) -> T:
        """Run a verb in its own transaction, in order of arrival. Raises AciError, JobError."""
        doubt = "The database did not say whether it was done; sending it again is harmless."
        result: T = await self._call(self._changer, verb, doubt)
        return result

    async def job(self, token: str, until: float | None = None) -> Job | None:
        """Return one action, or None. Raises AciError.

        `until`: the monotonic time by which somebody who has waited already must be answered.
        """
        seconds = self.patience if until is None else max(LEAST, until - time.monotonic())
        job: Job | None = await self._call(self._reader, token, _NO_ANSWER, seconds)
        return job

    async def read(self, read: Callable[[Tx], T]) -> T:
        """Run a short read. Raises AciError."""
        found: T = await self._call(self._reader, read, _NO_ANSWER)
        return found

    async def keys(self) -> Mapping[str, ApiKey]:
        """Return the API keys that are accepted now, by their public part. Raises AciError."""
        return await self.read(api_keys.live)

    async def look(self, read: Callable[[Tx], T]) -> T:
        """Run a read that may look at many actions, in turn with others. Raises AciError."""
        found: T = await self._call(self._lister, read, _NO_ANSWER)
        return found

    async def ready(self) -> None:
        """Return if an action can be stored. Raises AciError."""
        step = self._settings.actions.ageing_step_seconds

        def rehearse(database: Database) -> None:
            schema.check(database)
            database.run(submit.rehearse, step)

        try:
            await self.inspect(rehearse)
        except AciError:
            raise
        except Exception as error:
            _log.error("an action cannot be stored", error=str(error).partition("\n")[0])
            raise AciError(
                Code.UNAVAILABLE,
                "The database refuses new actions; the log of this server tells why.",
            ) from error

    async def inspect(self, at: Callable[[Database], T]) -> T:
        """Return what somebody who watches the server finds. Raises AciError."""
        found: T = await self._call(self._inspector, at, _NO_ANSWER)
        return found

    def close(self) -> None:
        """Finish what was accepted and end."""
        self._writer.close(2.0)
        self._changer.close(1.0)
        self._reader.close(0.5)
        self._lister.close(0.5)
        self._inspector.close(0.5)
        self._database.close()

    async def _call(
        self, group: Group[Any, Any], item: object, doubt: str, seconds: float | None = None
    ) -> Any:
        try:
            return await group.call(item, self.patience if seconds is None else seconds)
        except Locked as error:
            raise AciError(
                Code.UNAVAILABLE,
                "Somebody holds a lock in the database that this needs, and nothing was changed; "
                "try again later.",
            ) from error
        except TooLarge as error:
            raise AciError(
                Code.TOO_LARGE, f"The database takes no action as large as this one: {error}."
            ) from error
        except (SchemaMismatch, SchemaMissing) as error:
            self._log_why(error)
            raise AciError(
                Code.UNAVAILABLE,
                "The tables in the database are not those of this program, and nothing "
                "was stored; the log of this server tells what to do.",
            ) from error
        except (InDoubt, Unfinished) as error:
            self._log_why(error)
            raise AciError(Code.IN_DOUBT, doubt) from error
        except (Unavailable, NotBegun) as error:
            self._log_why(error)
            raise AciError(
                Code.UNAVAILABLE,
                "The database cannot be used at the moment, and nothing was changed; "
                "try again later. The server's log tells more.",
            ) from error

    def _log_why(self, error: Exception) -> None:
        """Log what is not a client's business; once a while, however many clients wait."""
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET
            _log.warning("database is away", error=str(error) or type(error).__name__)

    def _write(self, new: Sequence[NewJob]) -> Sequence[str | Exception]:
        """Store all new actions of a batch in one transaction."""
        if (now := time.monotonic()) >= self._check_at:
            schema.check(self._database)
            self._check_at = now + CHECK
        step = self._settings.actions.ageing_step_seconds
        queues = {job.queue for job in new}
        sizes = {queue: self._settings.queue(queue).max_queue_size for queue in queues}
        most = {queue: size for queue, size in sizes.items() if size}
        tell = self._news.by_commit(new)
        try:
            told = self._store(new, step, most, tell)
            self._news.stored(queues, tell)
            return told
        except Unavailable:
            self._news.stored(queues, False)  # it may be stored all the same
            raise
        except Exception as error:
            if len(new) == 1:
                return [error]
        # One of them is refused altogether: the others have nothing to do with it.
        self._news.stored(queues, False)
        each: list[str | Exception] = []
        for job in new:
            try:
                each += self._store([job], step, most)
            except Exception as error:
                each.append(error)
        return each

    def _store(
        self, new: Sequence[NewJob], step: float, most: Mapping[str, int], tell: bool = False
    ) -> Sequence[str | Exception]:
        plain = not most and all(map(submit.is_plain, new)) and not self.outbox.thresholds
        run = self._database.run_alone if plain else self._database.run
        try:
            return run(self._submit, new, step, most, tell)
        except InDoubt as doubt:
            # Tokens are made before the insert, so storing them again is harmless, and certain.
            try:
                return self._database.run(self._submit, new, step, most, tell)
            except Unavailable:
                raise doubt from None

    def _submit(
        self, tx: Tx, new: Sequence[NewJob], step: float, most: Mapping[str, int], tell: bool
    ) -> Sequence[str | Exception]:
        told = submit.submit(tx, new, step, most, tell=tell)
        for queue in sorted({job.queue for job in new}):
            self.outbox.level(tx, queue)
        return told

    def _change(self, verbs: Sequence[Verb]) -> list[Any]:
        return [self._database.run(verb) for verb in verbs]

    def _tell_of_change(self, verbs: Sequence[Verb]) -> None:
        self._database.notify({""})

    def _read(self, wanted: Sequence[str | Verb]) -> list[Any]:
        tokens = {token for token in wanted if isinstance(token, str)}
        found = self._database.read(reading.get, tokens) if tokens else {}
        return [found.get(x) if isinstance(x, str) else self._database.read(x) for x in wanted]

    def _look(self, reads: Sequence[Verb]) -> list[Any]:
        return [self._database.read(read) for read in reads]

    def _inspect(self, looks: Sequence[Look]) -> list[Any]:
        return [look(self._database) for look in looks]
