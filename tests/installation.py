"""The project as users have it: a wheel, installed into an environment of its own."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.commands import ROOT

SECONDS = 120.0


def build(target: Path) -> Path:
    """Build the wheel of this checkout into a folder and return its path."""
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target))
    (wheel,) = target.glob("webex_connector-*.whl")
    return wheel


def environment(folder: Path) -> Path:
    """Make a virtual environment with our dependencies, without us, and return its folder.

    The dependencies are those of the running environment, put behind the new one's own packages
    by a .pth file. A checkout that is installed there is reached by a .pth file of its own, and
    Python reads no .pth files of a folder that was itself added by one.
    """
    made = folder / "environment"
    _run(sys.executable, "-m", "venv", "--without-pip", str(made))
    lines = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (site_packages(made) / "dependencies.pth").write_text("\n".join(sorted(lines)) + "\n")
    return made


def site_packages(environment: Path) -> Path:
    """Return where an environment keeps its own packages."""
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def install(environment: Path, package: Path) -> None:
    """Install a wheel or a source folder into an environment, without any network."""
    flags = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python")]
    _run(*pip, "install", *flags, str(package))


def _run(*command: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
