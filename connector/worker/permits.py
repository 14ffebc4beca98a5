"""Permits to begin runs: a slot takes one before each, and a worker takes back what is left.

They are kept by the kernel (eventfd(2), as a semaphore), so each goes to one of the two for
certain, also while the slot is killed or frozen: what was not begun is handed on, and is no try.
"""

import contextlib
import os


class Permits:
    """The permits of one slot, in either process."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def none(cls) -> "Permits":
        """Make a place for permits, without any."""
        return cls(os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC))

    def give(self, count: int) -> None:
        """Permit so many runs more."""
        os.eventfd_write(self.descriptor, count)

    def take(self) -> bool:
        """Take one; False if there is none."""
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            return False
        return True

    def take_all(self) -> int:
        """Take all there are; return how many that were."""
        taken = 0
        while self.take():
            taken += 1
        return taken

    def close(self) -> None:
        """Let go of them."""
        os.close(self.descriptor)


class Bell:
    """What a slot rings when its worker should hear it now; what it says meanwhile can wait."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def silent(cls) -> "Bell":
        """Make one that nobody has rung."""
        return cls(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))

    def ring(self) -> None:
        """Ring it."""
        with contextlib.suppress(BlockingIOError):  # rung so often that it is heard anyway
            os.eventfd_write(self.descriptor, 1)

    def rung(self) -> bool:
        """Say whether it was rung since the last call."""
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)
