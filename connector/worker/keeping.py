"""How many slots there are, and when one is started."""

from collections.abc import Iterable

from connector import log
from connector.config import Settings
from connector.process import restart_pause
from connector.worker.pace import LONG
from connector.worker.slots import Slot

_log = log.logger(__name__)


class Keeper:
    """Keeps slots for these actions. `slots`: the worker's own list."""

    def __init__(self, settings: Settings, actions: Iterable[str], slots: list[Slot]) -> None:
        self._settings = settings
        self._limits = [settings.queue(name).maximum_threads for name in actions]
        self._slots = slots
        self._failed = 0
        self._failed_at = self._start_at = 0.0
        self._none_since: float | None = None
        """Since when no slot is idle."""

    def began(self) -> None:
        """Note that a slot has started well."""
        if self._failed > 1:
            _log.info("slots begin again")
        self._failed, self._start_at = 0, 0.0

    def could_not_begin(self, started: float, why: str, now: float) -> None:
        """Note that a slot ended before it was ready: the next one waits, longer each time.

        Of several that were `started` together one counts.
        """
        if started < self._failed_at:
            return
        self._failed += 1
        self._failed_at = now
        self._start_at = now + restart_pause(self._failed)
        if self._failed == 2:
            _log.error("slots cannot begin; tried again with growing pauses", why=why)

    def start(self, now: float) -> float:
        """Keep as many slots as the largest queue may use, and one idle, also when all are in use.

        The idle one takes over at once from a slot that dies.
        """
        wanted, most = max(self._limits), sum(self._limits) + 1
        starting = sum(not slot.ready and slot.ending is None for slot in self._slots)
        wait = self._none_idle_in(now)
        while (there := len(self._slots)) < wanted or (there < most and not starting and not wait):
            if now < self._start_at:
                return self._start_at - now
            if self._failed and starting:
                break  # one at a time, until one has begun
            try:
                self._slots.append(Slot.start(self._settings, now))
            except OSError as error:
                self.could_not_begin(now, str(error), now)
                return max(0.0, self._start_at - now)
            starting += 1
        return wait or float("inf")

    def _none_idle_in(self, now: float) -> float:
        """Return for how many seconds more one may become idle by itself; 0: another is wanted.

        One that is at short actions is idle soon, and starting another takes as long as thousands.
        """
        if any(slot.idle for slot in self._slots):
            self._none_since = None
            return float("inf")
        if self._none_since is None:
            self._none_since = now
        return max(0.0, self._none_since + LONG - now)
