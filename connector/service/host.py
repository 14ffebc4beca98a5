"""What the service port of one http process has to work with."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from connector import board
from connector.aci.access import Access
from connector.actions.action import Action, WorksOnTasks
from connector.board.memory import Board
from connector.board.metrics import Metric
from connector.config import Settings
from connector.db.engine import Database
from connector.jobs.backlog import Backlog, backlogs
from connector.service.recent import Recent
from connector.service.statistics import History


class Host:
    """The processes of this host as one of them sees them, and the queues of the cluster.

    `config`: the configuration file, if it was named. `ports`: of actions and of service. `end`:
    asks the whole server to end. Raises LookupError without a board.
    """

    def __init__(
        self,
        settings: Settings,
        access: Access,
        actions: Mapping[str, Action],
        config: str,
        ports: tuple[int, int],
        end: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.config = config
        self.ports = ports
        self.end = end
        self.started = datetime.now().astimezone()
        self.board = _attached()
        self.history = History(time.monotonic())
        self._access = access
        self._actions = list(actions)
        self._on_tasks = [name for name, each in actions.items() if isinstance(each, WorksOnTasks)]
        self._queues: Recent[Sequence[Backlog]] = Recent(self._look)
        self._storable: Recent[None] = Recent(access.ready)

    async def queues(self) -> Sequence[Backlog]:
        """Return every queue as it was within the last second. Raises AciError."""
        return await self._queues.get()

    async def storable(self) -> None:
        """Return if an action could be stored within the last second. Raises AciError."""
        await self._storable.get()

    def sample(self, now: float) -> None:
        """Take note, once a second, of how many requests there have been."""
        requests = seconds = 0.0
        for key, value in self.board.totals().items():
            if key[0] == Metric.REQUESTS.value.name:
                requests += value
            elif key == (Metric.REQUEST_SECONDS.value.name, "sum"):
                seconds += value
        self.history.sample(now, requests, seconds)

    async def _look(self) -> Sequence[Backlog]:
        def look(database: Database) -> list[Backlog]:
            return database.read(backlogs, self._actions, self._on_tasks)

        return await self._access.inspect(look)


def _attached() -> Board:
    found = board.attached()
    if found is None:
        raise LookupError("a service port needs a board")
    return found
