"""The engines of the grid, each a column of it."""

from types import MappingProxyType

from tests.chaos.mariadb import MariaDB
from tests.chaos.places import Engine
from tests.chaos.postgresql import PostgreSQL
from tests.chaos.sqlite import SQLite

ENGINES: MappingProxyType[str, type[Engine]] = MappingProxyType(
    {"sqlite": SQLite, "postgresql": PostgreSQL, "mariadb": MariaDB}
)
"""Name to what makes its databases; the whole grid follows from it."""
