"""One conversation after the other with a server, each judged by all rules."""

import asyncio
import gc
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import memory
from tests.fuzz.connection import Talk, converse
from tests.fuzz.oracles import broken
from tests.fuzz.rig import Rig, Rigs, migrated
from tests.fuzz.vigil import Vigil

Converse = Callable[[Rig, bytes], Awaitable[Talk]]


class Trial:
    """Holds conversations, in the event loop of this thread. `requests`: how many were answered."""

    def __init__(self, rigs: Rigs, vigil: Vigil) -> None:
        self.rigs = rigs
        self.requests = 0
        self.secrets: tuple[str, ...] = ()
        """What no answer may hold either, besides the rig's own secrets."""
        self._vigil = vigil
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._uncaught)

    def judge(self, data: bytes, how: Converse = converse) -> list[str]:
        """Hold a conversation; return what was wrong with it, without what differs each time."""
        rig = self.rigs.current()
        before = rig.stored()
        wrong: list[str] = []
        with self._vigil.watching(rig.folder, rig.outside):
            try:
                talk = self._loop.run_until_complete(how(rig, data))
            except Exception as error:
                wrong.append(f"the protocol fails: {error!r}")
            else:
                self.requests += len(talk.seen)
                wrong += broken(rig, talk, before, self.secrets)
        wrong += self._vigil.take()
        if wrong:
            # Whatever went wrong may go on: the next conversation has a server without a past.
            self.rigs.fresh()
        return wrong

    def close(self) -> None:
        """End the server and the loop."""
        self.rigs.close()
        self._loop.close()
        gc.collect()

    def _uncaught(self, loop: asyncio.AbstractEventLoop, told: dict[str, object]) -> None:
        self._vigil.note(f"the event loop says: {told.get('message')} {told.get('exception')!r}")


_vigils: list[Vigil] = []


def vigil() -> Vigil:
    """Return the one of this process: an audit hook is there for good."""
    if not _vigils:
        _vigils.append(Vigil())
    return _vigils[0]


@contextmanager
def trial() -> Iterator[Trial]:
    """Have a server for conversations, in a temporary folder."""
    # Each action that is accepted waits for the disk.
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory.place()) as folder:
        with migrated(Path(folder)) as template:
            made = Trial(Rigs(Path(folder), template), vigil())
        try:
            yield made
        finally:
            made.close()
