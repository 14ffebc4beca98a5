"""The log: lines of ours and of libraries, in both forms, and nothing in them that is secret."""

import json
import logging
import os
import re
import subprocess
import sys

import pytest

LINES = """
import logging, sys
from connector import log
from connector.config import LoggingSettings

log.configure(LoggingSettings(log_format={form!r}), "test")
say = log.logger("ours").bind(token="T1")
say.debug("too much")
assert "structlog" not in sys.modules, "loaded before there was anything to say"
say.info("a 100 %s line", name="N", count=3)
logging.getLogger("theirs").warning("from a %s", "library")
log.about(token="T2", process=None)
logging.getLogger("theirs").error("about it")
try:
    password = "hunter2"
    raise ValueError("broken")
except ValueError:
    say.exception("caught")
"""


def written(form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LINES.format(form=form)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


def test_a_json_line_holds_event_level_time_and_all_facts() -> None:
    ours, theirs, about, caught = map(json.loads, written("json"))
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "event": "a 100 %s line",
        "level": "info",
        "process": "test",
        "token": "T1",
        "name": "N",
        "count": 3,
    }
    assert (theirs["event"], theirs["level"]) == ("from a library", "warning")
    assert (about["token"], "process" in about) == ("T2", False)
    assert caught["token"] == "T1", "what a line says itself counts over the process"
    assert caught["exception"].endswith("ValueError: broken")


def test_a_line_for_people_shows_the_same() -> None:
    lines = written("console")
    assert "[info" in lines[0] and "count=3" in lines[0] and "token=T1" in lines[0]
    assert "from a library" in lines[1]
    assert lines[-1] == "ValueError: broken"


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_variables(form: str) -> None:
    lines = [line for line in written(form) if 'password = "' not in line]
    assert not any("hunter2" in line for line in lines)


def test_lines_reach_the_standard_library_too(caplog: pytest.LogCaptureFixture) -> None:
    from connector import log

    with caplog.at_level(logging.INFO):
        log.logger("ours").info("seen", token="T")
    assert [(record.name, record.getMessage()) for record in caplog.records] == [("ours", "seen")]


UNREAD = """
import logging, sys
from connector import log
from connector.config import LoggingSettings

log.LONGEST = 100
log.configure(LoggingSettings(), "test")
say = log.logger("ours")
for number in range(1000):
    say.info("a line of some length: " + 200 * "x", number=number)
print("went on", flush=True)
sys.stdin.readline()
logging.getLogger().handlers[0].flush()
say.info("read again")
"""


def test_nobody_waits_for_the_reader_of_the_log() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", UNREAD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        assert process.stdout.readline() == "went on\n", "a full pipe holds nobody up"
        process.stdin.write("now\n")
        process.stdin.close()
        *lines, last = process.stderr.read().splitlines()
    assert process.returncode == 0, last
    assert "number=0" in lines[0]
    lost = [int(x) for line in lines for x in re.findall(r"nobody was reading lines=(\d+)", line)]
    assert len(lines) - len(lost) + sum(lost) == 1000 and sum(lost) > 100
    assert "read again" in last


def test_a_process_whose_log_nobody_reads_ends_all_the_same() -> None:
    read, write = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", UNREAD],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=write,
            timeout=60,
        )
    finally:
        os.close(read)
        os.close(write)
    assert (done.returncode, done.stdout) == (0, b"went on\n")
