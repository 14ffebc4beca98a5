"""The key file and what it encrypts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector.config import keyfile, keyring


def test_a_new_key_file_is_for_its_owner_alone_and_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyfile.make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        keyfile.make(path)


def test_what_one_host_encrypts_another_with_the_same_file_decrypts(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyfile.make(path)
    sealed = keyring.load(path).encrypt("pässword")
    assert "ssword" not in sealed
    assert keyring.load(path).decrypt(sealed) == "pässword"


def test_another_key_or_no_file_is_told_apart_from_a_value(tmp_path: Path) -> None:
    keyfile.make(tmp_path / "one")
    keyfile.make(tmp_path / "two")
    sealed = keyring.load(tmp_path / "one").encrypt("x")
    with pytest.raises(keyfile.NoKey):
        keyring.load(tmp_path / "two").decrypt(sealed)
    with pytest.raises(keyfile.NoKey):
        keyring.load(tmp_path / "none")


def test_a_rotation_encrypts_anew_and_decrypts_the_old(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyfile.make(path)
    before = keyring.load(path)
    sealed, digest = before.encrypt("x"), before.digest("x")
    assert keyfile.rotate(path) == 2
    after = keyring.load(path)
    assert after.decrypt(sealed) == "x" and after.digest("x") == digest != after.digest("y")
    with pytest.raises(keyfile.NoKey):
        before.decrypt(after.encrypt("x"))
    assert keyfile.forget(path) == 1
    with pytest.raises(keyfile.NoKey):
        keyring.load(path).decrypt(sealed)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["key"], "no draft is left"


def test_many_that_make_the_file_at_once_have_one_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keyfile.made(path), range(32)))
    assert made.count(True) == 1 and len(keyfile.keys(path)) == 1


@pytest.mark.parametrize("content", ["", "no key", "x" * 44, "a\nb"])
def test_a_file_without_usable_keys_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    for use in (keyfile.fingerprints, keyfile.rotate, keyfile.forget, keyring.load):
        with pytest.raises(keyfile.NoKey, match="key file"):
            use(tmp_path / "key")
    assert (tmp_path / "key").read_text() == content


def test_a_fingerprint_tells_keys_apart_and_lasts_through_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyfile.make(path)
    (first,) = keyfile.fingerprints(path)
    keyfile.rotate(path)
    newer, older = keyfile.fingerprints(path)
    assert older == first != newer and first not in path.read_text()
    keyfile.forget(path)
    assert keyfile.fingerprints(path) == [newer]
