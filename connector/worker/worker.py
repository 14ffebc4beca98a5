"""The worker: claims jobs, has its slots run them, records how they ended.

One loop, one thread: reap · record · beat · stop · fill · rest. A pass never waits but in `rest`.
"""

import time
from collections.abc import Callable, Mapping

from connector import log
from connector.actions.action import Action, WorksOnTasks
from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import Locked, Unavailable
from connector.jobs import claim, progress, turns, workers
from connector.jobs.claim import Due
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.states import Requested
from connector.process import kill_orphans
from connector.worker.lease import Lease
from connector.worker.recording import Recorder
from connector.worker.rest import Rest
from connector.worker.slots import Ending, Slot
from connector.worker.upkeep import Upkeep

_log = log.logger(__name__)

POLL = 1.0
"""Seconds between two looks at the database when nothing wakes the worker: the truth."""

AWAY = 0.5
"""Seconds between two tries while the database is away."""


class Worker:
    """One worker process. `beat`: tells the supervisor that the loop goes round."""

    def __init__(
        self,
        settings: Settings,
        actions: Mapping[str, Action],
        database: Database,
        lease: Lease,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.lease = lease
        self.slots: list[Slot] = []
        self.stopping = False
        self._actions = actions
        self._tasks = [task.name for task in settings.tasks]
        self._limits = {name: settings.queue(name).maximum_threads for name in actions}
        self._recorder = Recorder(database, settings)
        on_tasks = [name for name, action in actions.items() if isinstance(action, WorksOnTasks)]
        self._upkeep = Upkeep(database, settings, on_tasks)
        self._rest = Rest(database.wake())
        self._tell_supervisor = beat
        self._look_at = 0.0
        self._rescue_at = 0.0
        self._away_until = 0.0
        self._doubt = False
        self._stop_by = float("inf")

    def run(self) -> None:
        """Work until told to stop by `shutdown`; then hand back what runs, and end in order."""
        self.lease.register()
        try:
            while not self._over():
                self.turn()
        finally:
            for slot in self.slots:
                slot.kill()
            self._rest.close()
        self.lease.end()

    def turn(self) -> None:
        """Make one pass."""
        self._tell_supervisor()
        self._reap()
        if self.stopping:
            self._end_all(Ending.SHUTDOWN)
        if time.monotonic() >= self._away_until:
            try:
                self._with_database()
            except Unavailable as error:
                self._away_until = time.monotonic() + AWAY
                self._doubt = True
                _log.warning("database is away", error=str(error))
        if self.lease.lapsed and any(slot.run for slot in self.slots):
            self._lose_lease()
        self._kill_overdue()
        if self._rest.until(self._next(), self.slots):
            self._look_at = 0.0

    def shutdown(self) -> None:
        """Claim no more, ask every run to end, and be done soon; safe in a signal handler."""
        self.stopping = True
        self._rest.interrupt()

    def _with_database(self) -> None:
        now = time.monotonic()
        self._recorder.record()
        if now >= self.lease.due and not self.lease.beat():
            self._lose_lease()
            self.lease.register()
        if self._doubt:
            self._release_strays()
        if now >= self._rescue_at and not self.stopping:
            self._rescue_at = now + self.lease.seconds / 3
            if rescued := self.lease.rescue_others():
                _log.warning("handed back what lost workers held", tokens=rescued)
        if now >= self._look_at:
            self._look_at = now + POLL
            if any(slot.run for slot in self.slots):
                self._honour_requests()
            if not self.stopping:
                self._fill()
        if not self.stopping:
            self._upkeep.turn(now, any(slot.idle for slot in self.slots))

    def _reap(self) -> None:
        for slot in list(self.slots):
            for message in slot.messages():
                self._hear(slot, message)
            status = slot.reaped()
            if status is not None:
                for message in slot.messages():
                    self._hear(slot, message)
                self._bury(slot, status)

    def _hear(self, slot: Slot, message: dict[str, object]) -> None:
        if message["type"] == "ready":
            slot.ready = True
            self._look_at = 0.0
            return
        run = slot.run
        if run is None or slot.ending is Ending.LOST:
            return
        if message["type"] in ("progress", "save"):
            self._store(slot, run, message)
            return
        self._recorder.outcome(run, message)
        slot.run = None
        self._look_at = 0.0

    def _store(self, slot: Slot, run: Run, message: dict[str, object]) -> None:
        """Store progress or a checkpoint; only a checkpoint is waited for by the action."""
        checkpoint, facts = message.get("checkpoint"), message.get("progress")
        try:
            self.database.run(
                progress.save,
                run,
                progress=facts if isinstance(facts, dict) else None,
                checkpoint=checkpoint if isinstance(checkpoint, dict) else None,
            )
        except Unavailable as error:
            _log.warning("progress not stored", token=run.token, error=str(error))
            if checkpoint is not None:
                # The action waits for the answer: it is ended, and goes on from the one before.
                self._recorder.release(run, "the database did not take its checkpoint", 1.0)
                slot.run = None
                slot.ask_to_end(Ending.LOST, time.monotonic(), 0.0)
        except LeaseLost:
            slot.ask_to_end(Ending.LOST, time.monotonic(), 0.0)
        except Exception as error:
            _log.exception("progress cannot be stored", token=run.token)
            self._recorder.fail(run, f"its progress cannot be stored: {type(error).__name__}")
            slot.run = None
            slot.ask_to_end(Ending.LOST, time.monotonic(), 0.0)
        else:
            if checkpoint is not None:
                slot.tell({"type": "saved"})

    def _bury(self, slot: Slot, status: int) -> None:
        self.slots.remove(slot)
        slot.close()
        killed = kill_orphans({other.pid for other in self.slots})
        if killed:
            _log.warning("killed what a slot had left behind", processes=killed)
        self._look_at = 0.0
        run = slot.run
        if run is None:
            return
        match slot.ending:
            case Ending.STOP:
                self._recorder.stopped(run)
            case Ending.SHUTDOWN:
                self._recorder.release(run, "the server was shut down")
            case Ending.LOST:
                _log.warning("run ended without a word: its lease is lost", token=run.token)
            case None:
                how = f"signal {-status}" if status < 0 else f"exit status {status}"
                self._recorder.retry(run, f"its process died ({how})")

    def _honour_requests(self) -> None:
        asked = self.database.read(progress.requests, self.lease.worker_id)
        for slot in self.slots:
            if slot.run and asked.get(slot.run.token) is Requested.STOP:
                grace = self.settings.queue(slot.run.queue).grace_seconds
                slot.ask_to_end(Ending.STOP, time.monotonic(), grace)

    def _fill(self) -> None:
        self._start_slots()
        free = [slot for slot in self.slots if slot.idle]
        if not free:
            return
        running = [slot.run.queue for slot in self.slots if slot.run]
        for queue, due in self.database.read(claim.due, list(self._limits)).items():
            if due.seconds > 0:
                self._look_at = min(self._look_at, time.monotonic() + due.seconds)
                continue
            room = min(len(free), self._limits[queue] - running.count(queue))
            if room <= 0:
                continue
            try:
                runs = self._claim(queue, room, due)
            except Locked as error:
                _log.warning("claim waits", queue=queue, error=str(error))
                continue
            for run in runs:
                _log.info("run begins", token=run.token, attempt=run.attempt, queue=queue)
                free.pop().give(run)

    def _claim(self, queue: str, room: int, due: Due) -> list[Run]:
        worker_id, ahead = self.lease.worker_id, due.ahead
        on_tasks = isinstance(self._actions[queue], WorksOnTasks)
        if not on_tasks and not due.limited:
            return self.database.run(claim.claim, queue, worker_id, room, ahead=ahead)
        tasks = self._tasks if on_tasks else None
        return self.database.run(turns.claim_in_turn, queue, worker_id, room, tasks, ahead=ahead)

    def _start_slots(self) -> None:
        """Keep as many slots as the largest queue may use, and one idle up to what all may use."""
        wanted, most = max(self._limits.values()), sum(self._limits.values())
        starting = [slot for slot in self.slots if not slot.ready and slot.ending is None]
        while len(self.slots) < wanted or (
            len(self.slots) < most and not starting and not any(s.idle for s in self.slots)
        ):
            slot = Slot.start(self.settings)
            self.slots.append(slot)
            starting.append(slot)

    def _release_strays(self) -> None:
        """Hand back what was claimed by a transaction whose answer was lost."""
        known = {slot.run.token for slot in self.slots if slot.run} | self._recorder.tokens
        for run in self.database.read(workers.strays, self.lease.worker_id, known):
            self._recorder.release(run, "the answer to its claim was lost")
        self._recorder.record()
        self._doubt = False

    def _lose_lease(self) -> None:
        _log.error("lease lost: ending all runs", worker=self.lease.worker_id)
        self._recorder.forget()
        for slot in self.slots:
            if slot.run:
                slot.ask_to_end(Ending.LOST, time.monotonic(), 0.0)
                slot.kill()

    def _end_all(self, why: Ending) -> None:
        now = time.monotonic()
        if self._stop_by == float("inf"):
            self._stop_by = (
                now + 5.0 + max(self.settings.queue(queue).grace_seconds for queue in self._limits)
            )
        for slot in self.slots:
            if slot.ending is None:
                grace = self.settings.queue(slot.run.queue).grace_seconds if slot.run else 0.5
                slot.ask_to_end(why, now, grace)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for slot in self.slots:
            if slot.kill_at is not None and now >= slot.kill_at:
                _log.warning("slot did not end when asked: killed", pid=slot.pid)
                slot.kill()

    def _next(self) -> float:
        """Return the monotonic time at which the next pass has something to do."""
        kills = [slot.kill_at for slot in self.slots if slot.kill_at is not None]
        work = max(min(self.lease.due, self._look_at, self._rescue_at), self._away_until)
        return min(work, *kills) if kills else work

    def _over(self) -> bool:
        if not self.stopping:
            return False
        if self.slots or self._recorder.tokens:
            return time.monotonic() >= self._stop_by
        return True
