"""Fetch tasks: a section of the configuration each, and the names they may have."""

import re
from typing import Annotated, Literal

from pydantic import Field

from connector.config.schedule import ScheduleSettings
from connector.config.values import Boolean, Day, Folder, Form, Setting, Size, Strings, Whole, Word

TASK_IN_PATH = "<TASK>"
"""Stands for the task's name in IngestDirectory."""

_NAME = re.compile(r"[A-Z0-9][A-Z0-9_.-]{0,63}", re.ASCII)


class TaskSettings(ScheduleSettings, frozen=True):
    """What to take from Webex and where it goes.

    `[FetchTasks]` lists the tasks (`Number=2`, `0=ProjectA`, `1=ProjectB`), each with a section of
    its name. The keys below may stand in the task's section or, for all tasks, in `[FetchTasks]`;
    the task's section wins. Names of tasks are the same in any case: letters, digits, `_`, `-`
    and `.`, at most 64.
    """

    name: str
    """Upper case, however it was spelled."""

    ingester_type: Annotated[
        Literal["jsonl", "null"],
        Word,
        Form("one of jsonl, null"),
        Setting(
            "Where documents go: `jsonl` writes files of JSON lines, `null` counts and forgets."
        ),
    ] = "jsonl"
    ingest_directory: Annotated[
        Folder,
        Setting(
            "Folder for the documents, made when missing, one folder a task. `<TASK>` in it "
            "becomes the task's name.",
            default="<DataDirectory>/documents/<TASK>",
            example="/var/lib/webex-connector/documents/<TASK>",
        ),
    ]
    room_ids: Annotated[
        Strings,
        Setting(
            "Webex ids of the rooms to take. Empty takes all that the token sees.",
            example="Y2lzY29zcGFyazovL3VzL1JPT00vMQ,Y2lzY29zcGFyazovL3VzL1JPT00vMg",
            by_request=True,
        ),
    ] = ()
    exclude_room_ids: Annotated[
        Strings,
        Setting(
            "Webex ids of rooms to leave out, even where `RoomIds` names them.",
            example="Y2lzY29zcGFyazovL3VzL1JPT00vMw",
        ),
    ] = ()
    room_types: Annotated[
        Literal["direct", "group", "all"],
        Word,
        Form("one of direct, group, all"),
        Setting("Kinds of rooms to take: one-to-one, group, or both.", by_request=True),
    ] = "all"
    message_min_date: Annotated[
        Day,
        Setting(
            "Messages created before this day (UTC) are left out. Empty takes all.",
            example="2024-01-31",
        ),
    ] = None
    download_files: Annotated[
        Boolean, Setting("Whether files are downloaded and delivered beside their messages.")
    ] = True
    max_file_size: Annotated[
        Size,
        Field(ge=0),
        Setting("Larger files are delivered without their content. 0 sets no limit.", "bytes"),
    ] = 100 << 20
    sweep_days: Annotated[
        Whole,
        Field(ge=0, le=36500),
        Setting(
            "Each run reads the last so many days again, to find edits and deletions, which "
            "Webex does not announce. 0 reads only what is new.",
            "days",
            by_request=True,
        ),
    ] = 7


def is_task_name(name: str) -> bool:
    """Whether an upper-case name may name a task: it also names a folder and a section."""
    return _NAME.fullmatch(name) is not None
