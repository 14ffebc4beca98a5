"""A document: what a target gets, and the one form it has as a line of JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA = 1
"""Version of the record form; goes up when a field changes its meaning."""


@dataclass(frozen=True, slots=True)
class Run:
    """Which run delivers: stands in every record."""

    task: str
    token: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Document:
    """Something to add, update or delete by its reference. `date` is ISO 8601 in UTC."""

    op: Literal["add", "update", "delete"]
    reference: str
    title: str = ""
    content: str = ""
    date: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """JSON values by name; what is None is left out."""

    def record(self, run: Run) -> dict[str, Any]:
        """Return the record: schema, op, reference and run; of a deletion no more than that."""
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "op": self.op,
            "reference": self.reference,
            "task": run.task,
            "token": run.token,
            "attempt": run.attempt,
        }
        if self.op != "delete":
            record |= {"title": self.title, "content": self.content, "date": self.date}
        known = {name: value for name, value in self.metadata.items() if value is not None}
        return {**record, "metadata": known}

    def line(self, run: Run) -> bytes:
        """Return the record as one line of JSON in UTF-8, line feed included."""
        text = json.dumps(self.record(run), ensure_ascii=False, separators=(",", ":"))
        return text.encode() + b"\n"
