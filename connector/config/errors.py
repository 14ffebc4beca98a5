"""What goes wrong with a configuration.

ConfigError          every problem found, one sentence each
└─ IniError          the text itself cannot be read: syntax, includes, encoding
"""

from collections.abc import Iterable


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` has one sentence for each fault."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class IniError(ConfigError):
    """A file is not in the INI form; each problem begins with ``file:line``."""
