"""The faults: what is done to processes, clock, disk and database, and how it is undone."""

import contextlib
import time
from types import MappingProxyType

import psutil

from tests.chaos.places import ServerPlace, Wish, eventually
from tests.chaos.rig import Fault, Rig
from tests.chaos.tree import LEASE
from tests.commands import gone

PAST_LEASE = 1.5 * LEASE


def last(seconds: float) -> None:
    """Let a fault go on for a while: nothing else tells how long it lasts."""
    time.sleep(seconds)


class SlotKilled(Fault):
    """The process that runs an action."""

    name = "slot killed"

    def __init__(self) -> None:
        self._killed: set[str] = set()

    def inject(self, rig: Rig) -> None:
        eventually("a slot is caught at work", lambda: self._kill_one(rig))

    def _kill_one(self, rig: Rig) -> bool:
        for run in rig.trace.under_way():
            # Each action once: dying more often is its own fault, and fails it.
            if run.token in self._killed:
                continue
            with contextlib.suppress(psutil.NoSuchProcess):
                slot = psutil.Process(run.pid)
                slot.suspend()
                if run in rig.trace.under_way():
                    self._killed.add(run.token)
                    slot.kill()
                    return True
                slot.resume()
        return False


class WorkerKilled(Fault):
    name = "worker killed"

    def inject(self, rig: Rig) -> None:
        rig.tree.running("connector.worker.start")[0].kill()


class HttpKilled(Fault):
    name = "http killed"

    def inject(self, rig: Rig) -> None:
        rig.tree.running("connector.aci.server")[0].kill()


class SupervisorKilled(Fault):
    name = "supervisor killed"

    def inject(self, rig: Rig) -> None:
        family = rig.tree.family()
        family[0].kill()
        assert rig.tree.process is not None
        rig.tree.process.wait(30)
        eventually("all of it has ended", lambda: all(map(gone, family)))

    def heal(self, rig: Rig) -> None:
        rig.tree.start()


class AllKilled(Fault):
    name = "whole tree killed"

    def inject(self, rig: Rig) -> None:
        rig.tree.kill()

    def heal(self, rig: Rig) -> None:
        rig.tree.start()


class WorkerFrozen(Fault):
    name = "worker frozen past its lease"

    def inject(self, rig: Rig) -> None:
        worker = rig.tree.running("connector.worker.start")[0]
        worker.suspend()
        last(PAST_LEASE)
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.resume()


class HostFrozen(Fault):
    """All processes of a host, while another host goes on."""

    name = "host frozen past its lease"
    needs = "hosts"
    wish = Wish(hosts=2, wire=True)

    def inject(self, rig: Rig) -> None:
        family = rig.tree.family()
        for process in family:
            process.suspend()
        pids = {process.pid for process in family}
        frozen = [run for run in rig.trace.under_way() if run.pid in pids]
        try:
            eventually("another host takes over", lambda: all(map(rig.again, frozen)))
        finally:
            # Slots first, so that they run on before anybody can tell them that they must not.
            for process in reversed(family):
                process.resume()


class WireFrozen(Fault):
    """A connection that is half open: what is sent arrives nowhere, and nobody is told."""

    name = "connection half open"
    needs = "server"
    wish = Wish(hosts=2, wire=True)

    def inject(self, rig: Rig) -> None:
        assert rig.place.wire is not None
        rig.place.wire.freeze()
        last(2 * PAST_LEASE)

    def heal(self, rig: Rig) -> None:
        assert rig.place.wire is not None
        rig.place.wire.open()


class ClockForward(Fault):
    """Nobody's lease may lapse by it, and nobody may be taken for frozen."""

    name = "clock stepped forward"
    wish = Wish(movable_clock=True)
    step = 3600

    def inject(self, rig: Rig) -> None:
        assert rig.place.clock is not None
        rig.place.clock.step(self.step)
        last(LEASE)


class ClockBack(ClockForward):
    """What waits is due when the clock has come to its time again, so the step is a short one."""

    name = "clock stepped back"
    step = -5


class DiskFull(Fault):
    name = "disk full"
    wish = Wish(small_disk=True)

    def inject(self, rig: Rig) -> None:
        rig.place.fill_disk()
        last(LEASE)

    def heal(self, rig: Rig) -> None:
        rig.place.empty_disk()
        if isinstance(rig.place, ServerPlace):
            rig.place.start()


class SnapshotHeld(Fault):
    name = "old snapshot held"

    def inject(self, rig: Rig) -> None:
        rig.stack.enter_context(rig.place.hold_snapshot())
        rig.rate(200)


class ServerFault(Fault):
    """A fault of a database server."""

    needs = "server"

    def place(self, rig: Rig) -> ServerPlace:
        assert isinstance(rig.place, ServerPlace)
        return rig.place


class Restarted(ServerFault):
    name = "database restarted"

    def inject(self, rig: Rig) -> None:
        rig.stack.enter_context(self.place(rig).restart())
        last(0.5)


class FailedOver(ServerFault):
    name = "fail-over to a synchronous standby"
    needs = "standby"
    wish = Wish(standby="synchronous")

    def inject(self, rig: Rig) -> None:
        self.place(rig).fail_over()


class FailedOverLate(FailedOver):
    name = "fail-over to an asynchronous standby"
    wish = Wish(standby="asynchronous", measured=True)


class ReadOnly(ServerFault):
    name = "read-only for a while"

    def inject(self, rig: Rig) -> None:
        rig.stack.enter_context(self.place(rig).read_only())
        last(PAST_LEASE)


class Terminated(ServerFault):
    name = "connections terminated"

    def inject(self, rig: Rig) -> None:
        end = time.monotonic() + LEASE
        while time.monotonic() < end:
            self.place(rig).terminate_one()
            last(0.02)


class Exhausted(ServerFault):
    name = "no connection free"

    def inject(self, rig: Rig) -> None:
        rig.stack.enter_context(self.place(rig).fill_connections())
        last(PAST_LEASE)


FAULTS: MappingProxyType[str, type[Fault]] = MappingProxyType(
    {
        "slot": SlotKilled,
        "worker": WorkerKilled,
        "supervisor": SupervisorKilled,
        "http": HttpKilled,
        "tree": AllKilled,
        "frozen-worker": WorkerFrozen,
        "frozen-host": HostFrozen,
        "clock-forward": ClockForward,
        "clock-back": ClockBack,
        "restart": Restarted,
        "failover": FailedOver,
        "failover-async": FailedOverLate,
        "read-only": ReadOnly,
        "terminated": Terminated,
        "connections": Exhausted,
        "snapshot": SnapshotHeld,
        "disk": DiskFull,
        "half-open": WireFrozen,
    }
)
"""Name on the command line to fault, in the order of the grid."""
