"""Tables lose nothing, however narrow the terminal is."""

import io

from rich.console import Console

from connector.cli.tables import TOKEN, table
from connector.jobs.token import new_token


def test_a_table_breaks_what_is_too_wide_and_keeps_tokens_whole() -> None:
    token, task = new_token(), "A_TASK_WITH_A_LONG_NAME_" * 2
    assert len(token) == TOKEN
    shown = table("task", "last action", "note", whole={"last action": TOKEN})
    shown.add_row(task, token, "https://example.com/" + "x" * 60)
    written = io.StringIO()
    Console(file=written, width=60).print(shown)
    text = written.getvalue()
    assert "…" not in text and token in text
    first = [line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│")]
    assert "".join(first) == task
