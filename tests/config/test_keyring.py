"""The key file and what it encrypts."""

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
