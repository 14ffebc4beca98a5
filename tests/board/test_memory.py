"""The board: what one process counts and says, another one reads."""

import multiprocessing
import os
import signal
from multiprocessing.process import BaseProcess

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.board.memory import FIGURES, LONGEST, Board

forked = multiprocessing.get_context("fork")
ONE = ("calls", "200")


def add_often(board: Board, place: str, times: int) -> None:
    own = Board(board.descriptor)
    for _ in range(times):
        own.place(place).add([(ONE, 1.0)])
        own.place(place).show(1.0, "line")


def ended(child: BaseProcess) -> int | None:
    child.join(30)
    return child.exitcode


def test_a_process_that_follows_another_goes_on_counting_where_it_ended() -> None:
    board = Board.create(["a", "slots"])
    for _ in range(2):
        child = forked.Process(target=add_often, args=(board, "a", 10))
        child.start()
        assert ended(child) == 0
    assert board.place("a").figures() == {ONE: 20.0}


def test_nothing_is_lost_when_several_processes_count_at_the_shared_place() -> None:
    board = Board.create(["a", "slots"])
    children = [forked.Process(target=add_often, args=(board, "slots", 500)) for _ in range(4)]
    for child in children:
        child.start()
    assert [ended(child) for child in children] == [0] * 4
    assert board.totals() == {ONE: 2000.0}
    assert board.place("slots").lines()[-1] == (1.0, "line")


def hold(board: Board) -> None:
    place = board.place("slots")
    with place._alone():
        os.kill(os.getpid(), signal.SIGSTOP)


def test_a_process_frozen_while_it_counts_holds_up_nobody_and_its_death_frees_the_place() -> None:
    board = Board.create(["slots"])
    child = forked.Process(target=hold, args=(board,))
    child.start()
    assert child.pid is not None
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    board.place("slots").add([(ONE, 1.0)])
    assert board.totals() == {}
    os.kill(child.pid, signal.SIGKILL)
    child.join(30)
    board.place("slots").add([(ONE, 1.0)])
    assert board.totals() == {ONE: 1.0}


def test_figures_are_summed_over_the_places() -> None:
    board = Board.create(["a", "b"])
    board.place("a").add([(ONE, 2.0), (("calls", "429"), 1.0)])
    board.place("b").add([(ONE, 3.0)])
    assert board.totals() == {ONE: 5.0, ("calls", "429"): 1.0}


def test_what_there_is_no_room_for_is_not_counted_and_harms_nothing() -> None:
    board = Board.create(["a", "b"])
    board.place("b").add([(ONE, 1.0)])
    for number in range(FIGURES // 100):
        board.place("a").add([((f"{number:0100}",), 1.0)])
    counted = board.place("a").figures()
    assert 0 < len(counted) < FIGURES // 100
    assert set(counted.values()) == {1.0}
    assert board.place("b").figures() == {ONE: 1.0}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=3000), max_size=300))
def test_the_newest_log_lines_are_read_back_whole_and_in_order(said: list[str]) -> None:
    board = Board.create(["a"])
    for number, line in enumerate(said):
        board.place("a").show(float(number), line)
    kept = [
        (
            float(number),
            line.replace("\0", "").encode(errors="replace")[:LONGEST].decode(errors="replace"),
        )
        for number, line in enumerate(said)
    ]
    found = board.place("a").lines()
    assert found == kept[len(kept) - len(found) :]
    assert len(found) >= min(len(said), 10)


def test_long_lines_are_cut_and_old_ones_make_room() -> None:
    board = Board.create(["a"])
    for number in range(100):
        board.place("a").show(float(number), str(number) + "x" * 10 * LONGEST)
    found = board.place("a").lines()
    assert [moment for moment, _ in found][-1] == 99.0
    assert 15 < len(found) < 100
    assert {len(line) for _, line in found} == {LONGEST}
