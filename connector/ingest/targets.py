"""The ingest targets there are, by the value of `IngesterType`."""

from collections.abc import Callable
from pathlib import Path

from connector.ingest.jsonl import Jsonl
from connector.ingest.null import Null
from connector.ingest.target import Target

TARGETS: dict[str, Callable[[Path], Target]] = {
    "jsonl": Jsonl,
    "null": Null,
}
"""Each makes the target of one task from the task's folder."""
