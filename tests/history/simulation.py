"""A whole queue in one process: a database, clients, simulated workers, and time to order."""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from connector.db.engine import Database, Tx
from connector.db.errors import Unavailable
from connector.jobs import reading, requests
from connector.jobs.errors import JobError
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.submit import submit
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from tests.history.history import TABLES, Asked, History, Submitted, recorded
from tests.history.simulated import DEAD, FETCH, FROZEN, LEASE, PLAIN, UP, Book, Worker

VERBS = {
    verb.__name__: verb
    for verb in (requests.stop, requests.cancel, requests.pause, requests.resume, requests.reopen)
}
ROUNDS = 30
"""Passes in which everything must be done once nothing is broken any more."""


class Simulation:
    """One database with its clients and workers. The database is emptied when it begins."""

    def __init__(self, database: Database, size: int = 2) -> None:
        database.run(_empty)
        self.database = database
        self.book = Book()
        self.tokens: list[str] = []
        self.workers = [Worker(database, self.book) for _ in range(size)]

    def submit(self, *tasks: str, fails: bool = False, answer_lost: bool = False) -> str:
        """Hand in an action and note what the client was told. Returns its token.

        `fails`: the commit does. `answer_lost`: it does not, but the server cannot know.
        """
        job = NewJob(new_token(), FETCH if tasks else PLAIN, {}, tasks)
        accepted = True
        try:
            with failing_commits(self.database) if fails else contextlib.nullcontext():
                for _ in range(1 + answer_lost):
                    self.database.run(submit, [job])
        except Unavailable:
            accepted = False
        self.book.write(Submitted(job.token, accepted))
        if accepted:
            self.tokens.append(job.token)
        return job.token

    def ask(self, verb: str, token: str) -> str:
        """Ask a verb of an action, as a client does, and note the answer."""
        try:
            answer = str(self.database.run(VERBS[verb], token, "client"))
        except JobError:
            answer = ""
        self.book.write(Asked(token, verb, answer, self.book.now))
        return answer

    def advance(self, seconds: float) -> None:
        """Let time pass: who moves beats in good time, and looks at the beats of the others."""
        until = self.book.now + seconds
        while self.book.now < until:
            self.book.now = min(until, self.book.now + LEASE / 3)
            for worker in self.workers:
                if worker.life == UP:
                    worker.beat()
                    worker.look()

    def recover(self) -> None:
        """Have everything that is broken go on again."""
        for worker in self.workers:
            if worker.life == FROZEN:
                worker.thaw()
            elif worker.life == DEAD:
                worker.restart()

    def resume(self) -> None:
        """Resume what is paused."""
        for token, job in self.database.read(reading.get, self.tokens).items():
            if job.state is State.PAUSED:
                self.ask("resume", token)

    def drain(self) -> None:
        """Have the others go on for a while, recover, and go on until nothing is left to do."""
        for turn in range(ROUNDS):
            self.advance(LEASE / 3)
            if turn == 4:
                self.recover()
            if turn >= 4:
                self.resume()
            for worker in self.workers:
                if worker.life == UP:
                    work_off(worker)
            if turn > 4 and not self.database.read(reading.open_counts):
                break
        for worker in self.workers:
            worker.shut_down()

    def history(self, *, drained: bool = True) -> History:
        """Return what has happened. `drained`: it has come to its end by `drain`."""
        return recorded(self.database, self.book.notes, drained=drained)


def work_off(worker: Worker) -> None:
    """Have a worker make one whole pass, as a real one does, with all runs ending well."""
    worker.record()
    worker.release_strays()
    worker.rescue()
    worker.honour()
    for slot in worker.slots:
        worker.write(slot)
        worker.end(slot, "finish")
    worker.record()
    worker.fill(10)


@contextlib.contextmanager
def failing_commits(database: Database) -> Iterator[None]:
    """Have every commit fail, as when the disk is full."""

    def fail(connection: sa.Connection) -> None:
        raise Unavailable("no space left")

    sa.event.listen(database.engine, "commit", fail)
    try:
        yield
    finally:
        sa.event.remove(database.engine, "commit", fail)


def _empty(tx: Tx) -> None:
    """Remove what an earlier simulation has left, the way the guard allows."""
    for source in (State.RUNNING, State.QUEUED, State.PAUSED):
        target = State.STOPPED if source is State.RUNNING else State.CANCELLED
        ended = {"state": target, "ended_at": tx.now, "changed_by": "test"}
        tx.execute(sa.update(jobs).where(jobs.c.state == source).values(ended))
    for table in reversed(TABLES):
        tx.execute(sa.delete(table))
