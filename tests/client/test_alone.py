"""The library alone: the wheel with what the extra `client` wants and nothing else is of use."""

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests import installation
from tests.aci.serving import facing
from tests.commands import SECONDS
from tests.conftest import fresh_url

pytestmark = pytest.mark.xdist_group("installation")

USE = """
import sys
from connector.client import Client
with Client(sys.argv[1]) as client:
    token = client.submit("Echo", {"To": "you"})
    print(client.cancel("Echo", token))
"""


def wanted(name: str, extra: str = "") -> set[str]:
    """Return the distributions that pip brings for one, and for one of its extras."""
    found: set[str] = set()
    for line in distribution(name).requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if requirement.name in found or (marker and not marker.evaluate({"extra": extra})):
            continue
        found |= {requirement.name} | wanted(requirement.name)
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment with the wheel and what its extra `client` brings."""
    folder = tmp_path_factory.mktemp("alone")
    made = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
    installation.install(made, installation.build(folder))
    packages = installation.site_packages(made)
    (metadata,) = packages.glob("webex_connector-*.dist-info/METADATA")
    lines = metadata.read_text().splitlines()
    for line in (x.removeprefix("Requires-Dist: ") for x in lines if x.startswith("Requires-Di")):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": "client"}):
            for name in {requirement.name} | wanted(requirement.name):
                _link(name, packages)
    return made


def _link(name: str, packages: Path) -> None:
    """Put a distribution of the running environment into another one."""
    found = distribution(name)
    for top in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}:
        target = packages / top
        if top != "__pycache__" and not target.exists():
            target.symlink_to(Path(str(found.locate_file(top))))


def run(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(environment / "bin/python"), "-I", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)


def test_only_an_http_client_is_there(alone: Path) -> None:
    brought = {path.name for path in installation.site_packages(alone).iterdir()}
    assert "httpx2" in brought
    for absent in ("sqlalchemy", "starlette", "pydantic", "typer", "structlog", "alembic"):
        assert absent not in brought


def test_it_is_typed_and_sends_and_cancels(
    alone: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert (installation.site_packages(alone) / "connector/py.typed").is_file()
    with facing(fresh_url("sqlite", request, tmp_path, migrated=True)) as face:
        done = run(alone, "-c", USE, f"http://127.0.0.1:{face.port}/")
    assert (done.stdout, done.stderr) == ("Cancelled\n", "")


def test_the_command_says_what_to_install(alone: Path) -> None:
    done = run(alone, "-m", "connector", "serve")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "webex-connector: only the client library is installed here; "
        "for the commands: pip install 'webex-connector[server]'"
    )
