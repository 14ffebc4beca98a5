"""Firing the schedules of fetch tasks: by every worker that knows them, whichever is first."""

from collections.abc import Callable, Mapping

from connector import log
from connector.actions.action import Action
from connector.actions.validate import checked
from connector.config import Settings, TaskSettings
from connector.db.engine import Database
from connector.db.errors import Locked
from connector.jobs import firing, schedules
from connector.jobs.errors import ScheduleSpoilt
from connector.jobs.firing import Fired, Firing
from connector.jobs.job import Overlap
from connector.jobs.schedules import Schedule
from connector.jobs.timing import NOW, Timing

_log = log.logger(__name__)

QUEUE = "Fetch"
"""The action that a schedule stores, and its queue."""

LOOK = 5.0
"""Seconds between two looks at what is due, at most: others may have changed it."""

SOON = 1.0
"""Seconds between two looks, at least: a due time is left as it is while its queue is full."""

SWEEP = 600.0
"""Seconds between two looks for schedules that no worker knows any more."""

FIRST_SWEEP = 60.0
"""Seconds after the start until the first of them: other workers may be starting too."""


def configured(settings: Settings) -> list[str]:
    """Return the tasks that have a schedule, also where this server fires none."""
    return [task.name for task in settings.tasks if task.scheduled]


class Scheduler:
    """The schedules that one worker fires. `worker_id`: returns the id of its lease."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        actions: Mapping[str, Action],
        worker_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._settings = settings
        self._worker_id = worker_id
        self._wanted: dict[str, Schedule] = {}
        if settings.connector.enable_scheduled_tasks and (action := actions.get(QUEUE)):
            self._wanted = {
                task.name: _schedule(task, action) for task in settings.tasks if task.scheduled
            }
        self._arranged = not self._wanted
        self._spoilt: set[str] = set()
        self._look_at = 0.0
        self._sweep_at: float | None = None

    def turn(self, now: float, moved: Callable[[], None]) -> None:
        """Do what is due at the monotonic time `now`; nearly always that is nothing.

        `moved` is called between transactions. Raises Unavailable.
        """
        if not self._arranged:
            self._arrange()
        if self._sweep_at is None:
            self._sweep_at = now + FIRST_SWEEP
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP
            self._spoilt.clear()
            if gone := self._database.run(schedules.sweep):
                _log.info("schedules that no worker knows any more", tasks=gone)
        if self._wanted and now >= self._look_at:
            self._look_at = now + self._fire(moved)

    def _arrange(self) -> None:
        anew = self._database.run(schedules.arrange, self._wanted.values(), "worker register")
        self._arranged = True
        if anew:
            _log.info("schedules begin", tasks=anew)

    def _fire(self, moved: Callable[[], None]) -> float:
        """Fire what is due; return the seconds until the next look."""
        done: set[str] = set()
        while (wait := self._wait(done)) == 0:
            moved()
            try:
                fired = self._database.run(firing.fire, self._left(done), self._how())
            except ScheduleSpoilt as error:
                _log.error("schedule passed over", task=error.task, error=str(error))
                self._spoilt.add(error.task)
                continue
            except Locked:
                return LOOK
            if fired is None:
                return LOOK  # somebody else was faster, or this worker may store nothing
            done.add(fired.task)
            self._tell(fired)
        if done:
            wait = self._wait(set())
        return min(LOOK, max(SOON, wait))

    def _left(self, done: set[str]) -> set[str]:
        return self._wanted.keys() - self._spoilt - done

    def _wait(self, done: set[str]) -> float:
        """Return the seconds until something else is due; many if nothing is left to be."""
        tasks = self._left(done)
        wait = self._database.read(firing.wait, tasks) if tasks else None
        return LOOK if wait is None else wait

    def _how(self) -> Firing:
        queue = self._settings.queue(QUEUE)
        return Firing(
            self._worker_id(),
            self._settings.hash,
            Overlap(queue.on_overlap),
            queue.ageing_step_seconds,
            {QUEUE: queue.max_queue_size} if queue.max_queue_size else {},
        )

    def _tell(self, fired: Fired) -> None:
        facts = {
            "task": fired.task,
            "due": str(fired.due_at or "asked for by hand"),
            "following": str(fired.following or "none"),
        }
        if fired.refused is not None:
            _log.warning("schedule stored nothing", why=str(fired.refused), **facts)
        elif fired.token is None:
            _log.warning("schedule missed its time", **facts)
        else:
            self._database.notify({QUEUE})
            _log.info("schedule fired", token=fired.token, **facts)


def _schedule(task: TaskSettings, action: Action) -> Schedule:
    parameters = checked(action, {"FetchAction": "Synchronize", "TaskSections": task.name})
    timing = Timing(
        task.schedule_start_time or NOW, task.schedule_time_zone, task.schedule_repeat_secs
    )
    return Schedule(
        task.name, QUEUE, parameters, timing, task.schedule_cycles, task.schedule_missed
    )
