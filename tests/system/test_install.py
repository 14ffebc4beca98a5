"""The wheel in an environment of its own, far from this checkout: it migrates and serves."""

from pathlib import Path

import pytest

import connector
from tests.commands import Program, gone
from tests.installation import site_packages

pytestmark = pytest.mark.xdist_group("installation")


def python(installed: Path, folder: Path, code: str) -> str:
    """Run code with the environment's Python and return what it prints."""
    program = Program((str(installed / "bin/python"), "-c"), folder)
    done = program.run(code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_installed_package_is_the_wheels_with_its_migrations_and_its_type_marker(
    installed: Path, tmp_path: Path
) -> None:
    package = Path(
        python(installed, tmp_path, "import connector; print(connector.__file__)")
    ).parent
    assert package == site_packages(installed) / "connector"
    for part in ("py.typed", "migrations/env.py", "migrations/guards/0002/sqlite.sql"):
        assert (package / part).is_file(), part
    found = "from connector.db.schema import migrations; print(migrations())"
    assert python(installed, tmp_path, found) == str(package / "migrations")


def test_the_wheel_brings_one_import_package_and_one_command(installed: Path) -> None:
    (record,) = site_packages(installed).glob("webex_connector-*.dist-info/RECORD")
    paths = [line.split(",")[0] for line in record.read_text().splitlines()]
    tops = {path.split("/")[0] for path in paths if not path.startswith("..")}
    assert tops == {"connector", record.parent.name}
    assert [path for path in paths if "/bin/" in path] == ["../../../bin/webex-connector"]


def test_migrate_and_serve_work_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    program = Program((str(installed / "bin/webex-connector"),), tmp_path)
    done = program.run("migrate")
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("0001 makes the tables"), "it says what it is about to lock"
    assert last == f"ready: sqlite:///{tmp_path}/data/connector.db"
    with program.running("serve", "--port", "0") as server:
        assert "serving on http://127.0.0.1:" in server.first
        version = server.ask("GetVersion")
        told = [element.text for element in version.iter() if element.tag.endswith("version")]
        assert connector.__version__ in told
        family = server.family()
        assert server.end() == 0
        assert all(map(gone, family))


def test_the_program_runs_as_a_module_too(installed: Path, tmp_path: Path) -> None:
    done = Program((str(installed / "bin/python"), "-m", "connector"), tmp_path).run("version")
    assert (done.returncode, done.stdout.strip()) == (0, connector.__version__)
