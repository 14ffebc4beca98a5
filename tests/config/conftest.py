"""A folder to load configurations in, with nothing of the real environment."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from connector.config import ConfigError, Loaded, load

Load = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loaded(folder: Path) -> Load:
    """Loads the given text as webex-connector.cfg of the current folder."""

    def do(
        text: str = "",
        environ: Mapping[str, str] | None = None,
        flags: Mapping[str, str] | None = None,
        actions: tuple[str, ...] = ("Fetch",),
    ) -> Loaded:
        file = Path("webex-connector.cfg")
        file.write_text(dedent(text), encoding="utf-8")
        file.chmod(0o600)
        return load(None, environ or {}, flags or {}, actions)

    return do


@pytest.fixture
def problems(loaded: Load) -> Problems:
    """Loads what cannot be loaded, and gives the problems."""

    def do(*args: object, **named: object) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as error:
            loaded(*args, **named)
        return error.value.problems

    return do
