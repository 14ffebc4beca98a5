"""The key file of each host: made once for all, and noticed where it is another one."""

from pathlib import Path

import pytest

from connector.actions import keys
from connector.config import keyfile
from connector.config.keyfile import NoKey
from connector.db import secret_keys
from connector.db.engine import Database


@pytest.fixture
def hosts(tmp_path: Path) -> tuple[Path, Path]:
    """Where two hosts have their key files."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return tmp_path / "a" / "secret.key", tmp_path / "b" / "secret.key"


def test_the_first_start_makes_the_file_and_later_ones_leave_it(
    database: Database, hosts: tuple[Path, Path]
) -> None:
    first, _ = hosts
    assert keys.prepare(database, first) is None
    made = first.read_bytes()
    assert first.stat().st_mode & 0o777 == 0o600
    assert database.read(secret_keys.recorded) == tuple(keyfile.fingerprints(first))
    assert keys.prepare(database, first) is None and first.read_bytes() == made


def test_a_second_host_makes_no_key_of_its_own_and_is_told_to_copy_the_file(
    database: Database, hosts: tuple[Path, Path]
) -> None:
    first, second = hosts
    keys.prepare(database, first)
    assert "copy it from another host" in str(keys.prepare(database, second))
    assert not second.exists()
    keyfile.make(second)
    recorded = database.read(secret_keys.recorded)
    assert "copy the key file of the other host" in str(keys.prepare(database, second))
    with pytest.raises(NoKey, match="copy the key file of the other host"):
        keys.to_encrypt(second, recorded)
    second.write_bytes(first.read_bytes())
    assert keys.prepare(database, second) is None
    sealed = keys.to_encrypt(second, recorded).encrypt("x")
    assert keys.to_encrypt(first, recorded).decrypt(sealed) == "x"


def test_of_two_hosts_that_start_at_once_one_makes_the_key(
    database: Database, hosts: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = hosts
    made = keyfile.made

    def other_host_is_faster(path: Path) -> bool:
        monkeypatch.setattr(keyfile, "made", made)
        keys.prepare(database, first)
        return made(path)

    monkeypatch.setattr(keyfile, "made", other_host_is_faster)
    assert "copy it from another host" in str(keys.prepare(database, second))
    assert not second.exists(), "nothing was encrypted with it, and it would only mislead"
    assert database.read(secret_keys.recorded) == tuple(keyfile.fingerprints(first))


def test_a_host_that_has_lost_its_file_makes_no_new_one(
    database: Database, hosts: tuple[Path, Path]
) -> None:
    first, _ = hosts
    keys.prepare(database, first)
    first.unlink()
    assert keys.prepare(database, first) is not None and not first.exists()


def test_before_any_start_nothing_is_encrypted(hosts: tuple[Path, Path]) -> None:
    first, _ = hosts
    keyfile.make(first)
    with pytest.raises(NoKey, match="serve"):
        keys.to_encrypt(first, ())


def test_a_file_that_cannot_be_made_is_told_and_nothing_is_recorded(
    database: Database, tmp_path: Path
) -> None:
    assert "cannot be made" in str(keys.prepare(database, tmp_path / "none" / "key"))
    assert database.read(secret_keys.recorded) == ()


def test_a_host_without_the_newest_key_encrypts_on_and_is_told_to_copy_it(
    database: Database, hosts: tuple[Path, Path]
) -> None:
    first, second = hosts
    keys.prepare(database, first)
    second.write_bytes(first.read_bytes())
    keyfile.rotate(first)
    database.run(secret_keys.record, keyfile.fingerprints(first))
    recorded = database.read(secret_keys.recorded)
    assert "lacks a newer key" in str(keys.prepare(database, second))
    sealed = keys.to_encrypt(second, recorded).encrypt("x")
    assert keys.to_encrypt(first, recorded).decrypt(sealed) == "x"
