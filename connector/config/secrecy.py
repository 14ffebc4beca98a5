"""What must not be seen: names that secrets have, and the secret parts of addresses."""

import functools
import re
import unicodedata

from connector.config.values import MASK

_WORDS = re.compile(
    # Wherever it stands,
    "passw|passphrase|passcode|pwd|secret|credential|authorization|cookie|bearer|jwt|oauth|"
    "signature|sessionid|(api|access|private|secret|signing|encryption)key|"
    "(access|refresh|auth|api|bot|webex|session)token|"
    # or at the end: `UserPass`, `X-Auth`, `Key`, `WebexTokens`.
    "((?<!by)(?<!com)(?<!sur)pass|auth|sig|keys?|.tokens?|psk|otp)$|"
    # Of these the word alone is meant; a configuration may hold any secret.
    "^(pin|pw|sid|config)$"
)
_SIGNS = re.compile(r"[\W_]+")

_SHOWN = frozenset(
    {"idempotencykey", "sortkey", "primarykey", "publickey", "partitionkey", "maxtokens"}
)
"""Names that sound so and are none. `Token` alone, which names an action, does not sound so."""


@functools.lru_cache(maxsize=1024)
def sounds_secret(name: str) -> bool:
    """Whether what has this name is a secret, whoever declares it or not.

    Signs, case and width do not count: `[Webex]Access_Token` is as `AccessToken`.
    """
    if len(name) > 200:
        return True
    plain = _SIGNS.sub("", unicodedata.normalize("NFKC", name).casefold())
    return plain not in _SHOWN and _WORDS.search(plain) is not None


_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
_PIECES = re.compile(rf"(?={_SCHEME})")
_PIECE = re.compile(rf"({_SCHEME}|//)?(.*)", re.DOTALL)
_VALUE = re.compile(r"(?<=[?&#;])([^=?&#;\s]*)=([^&#;\s]*)")
_NO_VALUE = re.compile(r"(?<=[?#])[^=?&#;\s]+(?=[&#;\s]|$)")


def without_logins(text: str) -> str:
    """Return a text that may hold addresses, with their users, passwords and queries masked.

    Errs on the side of hiding: a password need not be escaped properly, nor the address right.
    """
    return without_queries("".join(map(_without_login, _PIECES.split(text))))


def quotable(text: str) -> str:
    """Return a value that was refused as messages may show it: short, and without passwords."""
    value = "".join(c if c.isprintable() else "?" for c in without_logins(text))
    return value if len(value) <= 80 else value[:77] + "..."


def without_queries(text: str) -> str:
    """Return a text that may hold addresses, with the values in their queries masked."""
    shown = _VALUE.sub(rf"\1={MASK}", text)
    return _NO_VALUE.sub(MASK, shown) if "://" in text else shown


def _without_login(piece: str) -> str:
    match = _PIECE.fullmatch(piece)
    assert match is not None  # it matches any text
    scheme, rest = match[1] or "", match[2]
    login, at, place = rest.rpartition("@")
    return f"{scheme}{MASK}@{place}" if at and (scheme or ":" in login) else piece
