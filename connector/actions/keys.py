"""The key file of this host: made at the first start of all, and the same on all hosts since.

The database says which keys it must hold, by their fingerprints. The oldest is the one that a host
cannot do without: a file without it is another one. A newer one that is missing was made by
`webex-connector secrets rotate` on another host, and is still to be copied.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from connector.config import keyfile
from connector.config.keyfile import NoKey
from connector.db import secret_keys

if TYPE_CHECKING:
    from connector.config.keyring import Keyring
    from connector.db.engine import Database


def prepare(database: "Database", path: Path) -> str | None:
    """Make the key file if no host has one yet; return what is wrong with this host's, if anything.

    Raises Unavailable.
    """
    recorded = database.read(secret_keys.recorded)
    if not recorded:
        try:
            made = keyfile.made(path)
            ours = keyfile.fingerprints(path)
        except NoKey as error:
            return str(error)
        recorded = database.run(secret_keys.record_first, ours)
        if made and ours[0] not in recorded:
            path.unlink()  # another host was faster, and nothing was encrypted with this one
    return objection(path, recorded)


def objection(path: Path, recorded: Sequence[str]) -> str | None:
    """Return the sentence that says why a key file is not the one it should be, and what to do."""
    if not recorded:
        return "no host has made a key file yet: start one with webex-connector serve"
    try:
        ours = keyfile.fingerprints(path)
    except NoKey as error:
        return str(error)
    if recorded[-1] not in ours:
        return (
            f"{path} is not the key file of the other hosts, so that nothing is encrypted with it: "
            "copy the key file of the other host there (or, if that is lost for good, run "
            "webex-connector secrets accept)"
        )
    if not set(recorded) <= set(ours):
        return (
            f"{path} lacks a newer key, with which another host encrypts: copy the key file of "
            "that host here"
        )
    return None


def to_encrypt(path: Path, recorded: Sequence[str]) -> "Keyring":
    """Return the keys of this host, if what they encrypt can be decrypted everywhere.

    Raises NoKey, with what to do.
    """
    from connector.config import keyring

    if not recorded or recorded[-1] not in keyfile.fingerprints(path):
        raise NoKey(objection(path, recorded))
    return keyring.load(path)
