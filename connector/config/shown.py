"""The settings in use as the text of a configuration, for people: secrets are masked.

So are the values in queries of addresses: a key of the target often stands there.
"""

from connector.config.secrecy import without_queries
from connector.config.settings import Settings


def text(settings: Settings) -> str:
    """Return every section with its keys, one a line, defaults included."""
    lines: list[str] = []
    for section, pairs in settings.dump_public().items():
        lines += [f"[{section}]", *(f"{key}={_shown(value)}" for key, value in pairs.items()), ""]
    return "\n".join(lines)


def differences(one: str, other: str) -> list[str]:
    """Return the keys that two such texts do not say the same of, as Section/Key."""
    return sorted({name for name, _ in _pairs(one) ^ _pairs(other)})


def _pairs(told: str) -> set[tuple[str, str]]:
    section, found = "", set()
    for line in told.splitlines():
        if line.startswith("["):
            section = line[1:-1]
        elif line:
            key, _, value = line.partition("=")
            found.add((f"{section}/{key}", value))
    return found


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return without_queries(",".join(str(item) for item in value))
    return without_queries(str(value))
