"""Storing actions to measure: the group writer of the HTTP face, without HTTP."""

from collections.abc import Sequence

from connector.aci.group import Group
from connector.db.engine import Database
from connector.jobs import submit
from connector.jobs.errors import JobError
from connector.jobs.job import NewJob
from connector.jobs.news import News
from connector.jobs.token import new_token

QUEUE = "Bench"


def action(
    kind: str = "noop",
    number: int = 0,
    *,
    port: int = 0,
    milliseconds: float = 0,
    priority: int = 0,
) -> NewJob:
    """Return an action of `benchmarks/action`: see there for its kinds."""
    given = {"Kind": kind, "Number": number, "Port": port}
    if milliseconds:
        given["Milliseconds"] = int(milliseconds)
    return NewJob(new_token(), QUEUE, given, priority=priority)


class Producer:
    """Stores actions durably, and wakes the workers."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, application="producer")
        self._news = News(self._database)
        self._writer: Group[NewJob, str | JobError] = Group(
            "writer", self._store, lambda _: self._news.tell()
        )

    def close(self) -> None:
        """Let go of the database."""
        self._writer.close(5.0)
        self._database.close()

    async def one(self, new: NewJob) -> None:
        """Store one, together with others that come meanwhile; return when it is durable."""
        await self._writer.call(new, 60.0)

    def alone(self, new: NewJob) -> None:
        """Store one from a program that stores one after the other: without a thread between."""
        listens = self._database.dialect.listens
        self._database.run_alone(submit.submit, [new], tell=listens)
        if not listens:
            self._database.notify({QUEUE})

    def many(self, new: Sequence[NewJob]) -> None:
        """Store many by one transaction."""
        self._store(new)
        self._news.tell()

    def _store(self, new: Sequence[NewJob]) -> list[str | JobError]:
        plain = all(submit.is_plain(job) for job in new)
        run = self._database.run_alone if plain else self._database.run
        tell = self._news.by_commit(new)
        told = run(submit.submit, new, tell=tell)
        self._news.stored({QUEUE}, tell)
        return told
