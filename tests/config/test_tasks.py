from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from connector.config import Loaded

Load = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]

TWO = """
[FetchTasks]
Number=2
0=MyTask
1=other-1
SweepDays=3
RoomIds=a
[mytask]
SweepDays=1
MessageMinDate=2024/01/31
RoomIds=b,c
RoomIds=d
MaxFileSize=2 MiB
[Other-1]
"""


def test_a_tasks_section_wins_over_the_common_one(loaded: Load, folder: Path) -> None:
    result = loaded(TWO)
    mine, other = result.settings.tasks
    assert (mine.name, mine.sweep_days, mine.room_ids) == ("MYTASK", 1, ("b", "c", "d"))
    assert (mine.message_min_date, mine.max_file_size) == (date(2024, 1, 31), 2 << 20)
    assert (other.name, other.sweep_days, other.room_ids) == ("OTHER-1", 3, ("a",))
    assert mine.ingest_directory == folder / "data" / "documents" / "MYTASK"
    assert (mine.ingester_type, mine.room_types, mine.download_files) == ("jsonl", "all", True)
    assert result.warnings == ()


def test_tasks_are_found_in_any_case(loaded: Load) -> None:
    settings = loaded(TWO).settings
    assert settings.task("myTASK") == settings.tasks[0]
    assert settings.task("nobody") is None


def test_environment_and_flags_reach_the_sections_of_tasks(loaded: Load, folder: Path) -> None:
    environ = {"CONNECTOR_MYTASK_INGESTDIRECTORY": "out", "CONNECTOR_OTHER_1_SWEEPDAYS": "0"}
    result = loaded(TWO, environ, {"MyTask.SweepDays": "9"})
    mine, other = result.settings.tasks
    assert (mine.ingest_directory, mine.sweep_days, other.sweep_days) == (folder / "out", 9, 0)
    assert result.warnings == ()


def test_the_environment_alone_can_list_tasks(loaded: Load) -> None:
    environ = {"CONNECTOR_FETCHTASKS_0": "Demo", "CONNECTOR_DEMO_INGESTERTYPE": "NULL"}
    result = loaded("", environ)
    assert [(t.name, t.ingester_type) for t in result.settings.tasks] == [("DEMO", "null")]
    assert result.warnings == ()


def test_the_number_of_tasks_in_the_environment_counts(problems: Problems) -> None:
    environ = {"CONNECTOR_FETCHTASKS_0": "Demo", "CONNECTOR_FETCHTASKS_NUMBER": "2"}
    (problem,) = problems("", environ)
    assert "(environment CONNECTOR_FETCHTASKS_NUMBER)" in problem


def test_a_tasks_value_wins_over_the_common_one_in_the_environment(loaded: Load) -> None:
    mine, other = loaded(TWO, {"CONNECTOR_FETCHTASKS_SWEEPDAYS": "30"}).settings.tasks
    assert (mine.sweep_days, other.sweep_days) == (1, 30)


def test_an_empty_value_in_a_task_takes_the_default_not_the_common_one(loaded: Load) -> None:
    (task,) = loaded(
        "[FetchTasks]\n0=A\nSweepDays=3\nRoomIds=x\n[A]\nSweepDays=\nRoomIds=\n"
    ).settings.tasks
    assert (task.sweep_days, task.room_ids) == (7, ())


def test_the_tasks_name_may_stand_in_a_common_folder(loaded: Load, folder: Path) -> None:
    text = "[FetchTasks]\n0=A\n1=B\nIngestDirectory=out/<TASK>\n[A]\n[B]\n"
    tasks = loaded(text).settings.tasks
    assert [t.ingest_directory for t in tasks] == [folder / "out" / "A", folder / "out" / "B"]


def test_two_tasks_may_not_write_to_one_folder(problems: Problems) -> None:
    text = "[FetchTasks]\n0=A\n1=B\nIngestDirectory=out\n[A]\n[B]\n"
    found = problems(text)
    assert len(found) == 2
    assert "expected a folder for each task; <TASK> in it becomes the task's name" in found[0]


def test_tasks_that_write_nothing_may_share_a_folder(loaded: Load) -> None:
    text = "[FetchTasks]\n0=A\n1=B\nIngestDirectory=out\nIngesterType=null\n[A]\n[B]\n"
    assert len(loaded(text).settings.tasks) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Number=3\n0=A\n[A]\n", '[FetchTasks] Number (webex-connector.cfg:2) is "3": expected 1,'),
        ("Number=x\n", '[FetchTasks] Number (webex-connector.cfg:2) is "x": expected 0,'),
        ("0=A\n2=B\n[A]\n[B]\n", "[FetchTasks] 2 (webex-connector.cfg:3): expected 1=... here"),
        ("0=A\n00=B\n[A]\n[B]\n", "[FetchTasks] 00 (webex-connector.cfg:3): expected 1=... here"),
        ("0=A\n", '[FetchTasks] 0 (webex-connector.cfg:2) is "A": there is no section [A]'),
        ("0=A\n1=a\n[A]\n", "the task is listed already (webex-connector.cfg:2)"),
        ("0=A\n0=B\n[A]\n[B]\n", "the number is given twice; expected one task for each number"),
        ("0=../x\n", 'is "../x": expected the name of a task: letters, digits, _, - and .'),
        ("0=\n", 'is "": expected the name of a task'),
        ("0=server\n", 'is "server": [server] is a section of its own; expected another name'),
        ("0=Fetch\n", "[Fetch] is a section of its own; expected another name for the task"),
        ("0=a-b\n1=a.b\n[a-b]\n[a.b]\n", "differs from another task by signs alone"),
        (
            "SweepDays=x\n",
            '[FetchTasks] SweepDays (webex-connector.cfg:2) is "x": expected a whole',
        ),
    ],
)
def test_a_wrong_list_of_tasks_is_told(problems: Problems, text: str, told: str) -> None:
    (problem,) = problems("[FetchTasks]\n" + text)
    assert told in problem
