"""The examples of docs/clients.md, taken from the page and run against a real server."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from connector.aci.errors import Code
from connector.client import Client
from tests.aci.serving import facing
from tests.commands import ROOT, SECONDS, Program, Serving
from tests.conftest import fresh_url

pytestmark = pytest.mark.xdist_group("clients")

PAGE = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
EXAMPLES = dict(
    re.findall(r"^<!-- example: (\S+) -->\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)
RUNTIMES = {".sh": "sh", ".py": sys.executable, ".java": "java", ".mjs": "node"}
NEEDED = {".sh": "curl"}
WRITTEN_FOR = "http://127.0.0.1:7023"
FETCHES = ("fetch.sh", "fetch.py", "Fetch.java", "fetch.mjs")
STOPS = ("stop.sh", "stop.py", "Stop.java", "stop.mjs")
FETCH = {"FetchAction": "Synchronize"}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(program: Program, tmp_path: Path) -> Run:
    """Runs an example as it stands on the page, but for the server's address."""

    def run_example(name: str, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        kind = Path(name).suffix
        for needed in (RUNTIMES[kind], NEEDED.get(kind, RUNTIMES[kind])):
            if shutil.which(needed) is None:
                missing = f"{needed} is not on this machine"
                pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
        source = EXAMPLES[name]
        assert WRITTEN_FOR in source
        (tmp_path / name).write_text(source.replace(WRITTEN_FOR, url.rstrip("/")))
        return subprocess.run(
            [RUNTIMES[kind], str(tmp_path / name), *arguments],
            env=program.environment({}),
            capture_output=True,
            text=True,
            timeout=2 * SECONDS,
        )

    return run_example


def test_every_example_of_the_page_is_run() -> None:
    assert sorted(EXAMPLES) == sorted([*FETCHES, *STOPS])
    fenced = re.findall(r"^```(?:python|java|javascript)$", PAGE, re.MULTILINE)
    assert len(fenced) == sum(not name.endswith(".sh") for name in EXAMPLES)


@pytest.mark.parametrize("name", [name for name in FETCHES if not name.endswith(".py")])
def test_an_example_tries_again_after_every_error_that_passes(name: str) -> None:
    passing = {code.word for code in Code if code.retryable}
    # Whether it was stored is not known, but under the same key it is stored once.
    passing.add(Code.IN_DOUBT.word)
    assert set(re.findall("ERROR[A-Z]{2,}", EXAMPLES[name])) == passing


@pytest.mark.parametrize("name", FETCHES)
def test_a_fetch_is_followed_to_its_end_and_its_results(
    name: str, run: Run, fetching: Serving
) -> None:
    done = run(name, fetching.url)
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert "DEMO" in last and "added" in last
    assert fetching.status("Fetch", first.removeprefix("token ")).findtext("status") == "Finished"


@pytest.mark.parametrize("name", FETCHES)
def test_a_lost_answer_is_asked_for_again_under_the_same_key(
    name: str,
    run: Run,
    fetching: Serving,
    losing: Callable[[str], AbstractContextManager[str]],
) -> None:
    with Client(fetching.url) as client:
        before = len(client.listing("Fetch"))
        with losing(fetching.url) as url:
            done = run(name, url)
        assert done.returncode == 0, done.stderr
        assert "DEMO" in done.stdout
        assert len(client.listing("Fetch")) == before + 1


@pytest.mark.parametrize("name", FETCHES)
def test_a_refusal_ends_an_example_with_the_servers_sentence(
    name: str, run: Run, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with facing(fresh_url("sqlite", request, tmp_path, migrated=True)) as without_fetch:
        done = run(name, f"http://127.0.0.1:{without_fetch.port}")
    assert done.returncode != 0
    assert "The requested action 'Fetch' was not recognised" in done.stderr


@pytest.mark.parametrize("name", STOPS)
def test_what_waits_is_cancelled_by_a_stop(
    name: str, run: Run, program: Program, fetching: Serving
) -> None:
    assert program.run("pause", "--queue", "Fetch").returncode == 0
    try:
        with Client(fetching.url) as client:
            token = client.submit("Fetch", FETCH)
            done = run(name, fetching.url, token)
            assert done.returncode == 0, done.stderr
            assert "Cancelled" in done.stdout
            assert client.status("Fetch", token).word == "Cancelled"
    finally:
        assert program.run("resume", "--queue", "Fetch").returncode == 0
