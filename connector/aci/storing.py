"""What holds for every request that stores an action, also as a copy of another."""

from connector.aci.errors import invalid
from connector.aci.parameters import Parameters

KEY = "Idempotency-Key"
"""Parameter, or header, by which a request that is sent again is known."""

LONGEST_KEY = 200


def key_of(parameters: Parameters) -> str | None:
    """Return what the client calls its request, if it does. Raises AciError."""
    key = parameters.get(KEY) or None
    if key is not None and not (len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise invalid(KEY, key, f"at most {LONGEST_KEY} printable ASCII characters")
    return key
