"""What a run counts of a task: the attributes of `documentcount`, and facts for the progress."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

HIDDEN = ("messages", "files", "problem")


@dataclass(slots=True)
class Counts:
    """Documents by what became of them. `errors` are those that could not be had in full."""

    added: int = 0
    deleted: int = 0
    errors: int = 0
    seen: int = 0
    unchanged: int = 0
    updated: int = 0
    messages: int = 0
    """Messages among those seen."""
    files: int = 0
    """Files that were downloaded."""
    problem: str = ""
    """What the first error was."""

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> "Counts":
        """Read what `dump` gave."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def dump(self) -> dict[str, Any]:
        """Return what is stored with the checkpoint."""
        return asdict(self)

    def error(self, problem: str) -> None:
        """Count an error; the first one's text is kept."""
        self.errors += 1
        self.problem = self.problem or problem

    def element(self, task: str) -> dict[str, str]:
        """Return the attributes of `documentcount`, in alphabetical order."""
        shown = {name: value for name, value in asdict(self).items() if name not in HIDDEN}
        shown |= {f"ingest{name}": shown[name] for name in ("added", "deleted", "updated")}
        return {f"@{name}": str(value) for name, value in sorted([*shown.items(), ("task", task)])}
