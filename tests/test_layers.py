"""The shape of the house: which package may import which, and how large a file may be."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "connector"

# What each package may import besides itself; everybody may use settings and the log.
ALLOWED = {
    "config": set(),
    "log": {"config", "log_lines"},
    "log_lines": {"log"},
    "board": set(),
    "launch": set(),
    "process": {"board", "config", "db", "launch"},
    "db": set(),
    "webex": set(),
    "sandbox": set(),
    "ingest": set(),
    "jobs": {"db", "log"},
    "datastore": {"db"},
    "actions": {"board", "config", "log", "db", "jobs", "datastore", "webex", "ingest"},
    "aci": {"board", "config", "log", "process", "db", "jobs", "actions"},
    # Of the face only how an action is shown, for event handlers.
    "worker": {"aci", "board", "config", "launch", "log", "process", "db", "jobs", "actions"},
    # Of the server's face only the table of errors, which needs nothing else.
    "client": {"aci"},
    "service": {"board", "config", "log", "process", "db", "jobs", "actions", "aci"},
    "cli": {path.stem for path in PACKAGE.iterdir()},
    "__main__": {"cli", "launch"},
}
MOST_LINES = 300
MEDIAN_LINES = 120
# The one place that names engines, besides what maps their names to files.
ENGINE_NAMES = {"postgresql", "sqlite", "mariadb"}


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if ".venv" not in path.parts)


def imported(path: Path) -> set[str]:
    """Return the packages of ours that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "connector" and len(parts) > 1 and parts[1] != "__version__":
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", sources(PACKAGE), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    package = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if package == "__init__":
        assert imported(path) == set()
        return
    assert imported(path) - {package} <= ALLOWED[package]


def test_every_package_is_in_the_map() -> None:
    found = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    assert found - {"__init__", "__pycache__", "py.typed"} == set(ALLOWED)


def test_no_file_is_long_and_most_are_short() -> None:
    folders = [PACKAGE, ROOT / "tests", ROOT / "benchmarks", ROOT / "migrations"]
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in sources(folder)
        if path.parent.name != "versions"
    }
    assert {path: n for path, n in lengths.items() if n > MOST_LINES} == {}
    ours = sorted(n for path, n in lengths.items() if PACKAGE in path.parents and n > 3)
    assert ours[len(ours) // 2] <= MEDIAN_LINES


def test_scripts_are_short() -> None:
    for script in (ROOT / "scripts").iterdir():
        assert len(script.read_text(encoding="utf-8").splitlines()) <= 15, script


def test_only_dialects_ask_for_the_name_of_the_engine() -> None:
    allowed = {PACKAGE / "db" / "types.py", PACKAGE / "db" / "engine.py"}
    for path in sources(PACKAGE):
        if path.parent.name in ("dialects", "config") or path in allowed:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                text = ast.unparse(node)
                assert not any(repr(name) in text for name in ENGINE_NAMES), f"{path}: {text}"
