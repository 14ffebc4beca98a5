"""The key file and what it encrypts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector.config import keyring


def test_a_new_key_file_is_for_its_owner_alone_and_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyring.make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        keyring.make(path)


def test_what_one_host_encrypts_another_with_the_same_file_decrypts(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyring.make(path)
    sealed = keyring.load(path).encrypt("pässword")
    assert "ssword" not in sealed
    assert keyring.load(path).decrypt(sealed) == "pässword"


def test_another_key_or_no_file_is_told_apart_from_a_value(tmp_path: Path) -> None:
    keyring.make(tmp_path / "one")
    keyring.make(tmp_path / "two")
    sealed = keyring.load(tmp_path / "one").encrypt("x")
    with pytest.raises(keyring.NoKey):
        keyring.load(tmp_path / "two").decrypt(sealed)
    with pytest.raises(keyring.NoKey):
        keyring.load(tmp_path / "none")


def test_a_rotation_encrypts_anew_and_decrypts_the_old(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyring.make(path)
    before = keyring.load(path)
    sealed, digest = before.encrypt("x"), before.digest("x")
    assert keyring.rotate(path) == 2
    after = keyring.load(path)
    assert after.decrypt(sealed) == "x" and after.digest("x") == digest != after.digest("y")
    with pytest.raises(keyring.NoKey):
        before.decrypt(after.encrypt("x"))
    assert keyring.forget(path) == 1
    with pytest.raises(keyring.NoKey):
        keyring.load(path).decrypt(sealed)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["key"], "no draft is left"


def test_many_that_make_the_file_at_once_have_one_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda n: keyring.load_or_make(path).encrypt(str(n)), range(32)))
    keys = keyring.load(path)
    assert [keys.decrypt(each) for each in sealed] == [str(n) for n in range(32)]
