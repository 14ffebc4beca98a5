"""Permits go to one of two, for certain, however fast both are."""

import threading

from connector.worker.permits import Bell, Permits


def test_each_permit_is_taken_once_by_one_side_or_the_other() -> None:
    permits, taken = Permits.none(), [0, 0]
    permits.give(20_000)

    def take(side: int) -> None:
        while permits.take():
            taken[side] += 1

    threads = [threading.Thread(target=take, args=(side,)) for side in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    permits.close()
    assert sum(taken) == 20_000


def test_all_that_are_left_can_be_taken_back() -> None:
    permits = Permits.none()
    permits.give(5)
    assert permits.take() and permits.take_all() == 4
    assert not permits.take() and permits.take_all() == 0
    permits.close()


def test_a_bell_tells_once_however_often_it_was_rung() -> None:
    bell = Bell.silent()
    assert not bell.rung()
    bell.ring()
    bell.ring()
    assert bell.rung() and not bell.rung()
    bell.close()
