"""What a piece of work cost a database: counted by the database, never timed."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from connector.db.engine import Database
from tests.postgresql_server import Server

KINDS = {
    r"INSERT INTO \S*jobs \(": "store",
    r"SELECT \S+ AS queue, \(SELECT ": "look",
    r"UPDATE \S*jobs SET .*started_at=": "claim",
    r"WITH chosen AS": "claim",
    r"UPDATE \S*jobs SET .*ended_at=": "record",
    r"BEGIN": "begin",
    r"COMMIT": "commit",
}
"""What statements of the script are called, by how they begin."""

LOGGED = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*)")
RECORD = re.compile(r"rmgr: (\w+) +len \(rec/tot\): +\d+/ +(\d+),.*?desc: (\S+) ?(.*)")
RELATION = re.compile(r"rel \d+/\d+/(\d+)")


def kinds(statements: list[str]) -> Counter[str]:
    """Count statements by what they are for; one that nobody knows by its text."""
    return Counter(
        next((kind for text, kind in KINDS.items() if re.match(text, each)), each)
        for each in statements
    )


@dataclass(frozen=True)
class Record:
    """One WAL record: what it says, of which table or index, and its bytes."""

    kind: str
    relation: str
    size: int
    told: str = ""

    @property
    def is_entry(self) -> bool:
        """Whether it writes an entry into a leaf of an index; a split takes one along."""
        if self.kind.startswith("Btree/SPLIT"):
            return re.match(r"level:? 0,", self.told) is not None
        return self.kind in ("Btree/INSERT_LEAF", "Btree/INSERT_POST")


@dataclass
class Cost:
    """What was counted between two moments. `wal`: bytes, also those between records."""

    statements: Counter[str] = field(default_factory=Counter)
    rows: dict[str, Counter[str]] = field(default_factory=dict)
    wal: int = 0
    records: list[Record] = field(default_factory=list)

    @property
    def entries(self) -> Counter[str]:
        """Entries written into each index."""
        return Counter(record.relation for record in self.records if record.is_entry)

    def parts(self, count: int) -> str:
        """Tell what makes up the WAL: bytes and records for each of so many actions."""
        sizes: Counter[tuple[str, str]] = Counter()
        numbers: Counter[tuple[str, str]] = Counter()
        for record in self.records:
            sizes[record.kind, record.relation] += record.size
            numbers[record.kind, record.relation] += 1
        lines = [
            f"{size / count:8.1f} B {numbers[what] / count:6.3f}  {what[0]:24}{what[1]}"
            for what, size in sizes.most_common()
        ]
        return "\n".join([f"{self.wal / count:8.1f} B for each action", *lines])


class Counting:
    """Counts what one database of a server that nobody else uses is asked for, and writes."""

    def __init__(self, server: Server, database: Database) -> None:
        self._server = server
        self._database = database

    @contextmanager
    def cost(self) -> Iterator[Cost]:
        """Yield what is filled in at the end of the block."""
        found = Cost()
        rows, start = self._rows(), self._place()
        logged = self._server.log.stat().st_size
        yield found
        told = self._server.log.read_bytes()[logged:].decode()
        found.statements = kinds(LOGGED.findall(told))
        end = self._place()
        found.wal = end - start
        found.records = list(self._records(start, end))
        changed = {table: told - rows[table] for table, told in self._rows().items()}
        found.rows = {table: told for table, told in changed.items() if told}

    def _place(self) -> int:
        """Return the end of the WAL in bytes; all before it is in its files then."""
        with self._database.engine.connect() as connection:
            place = connection.exec_driver_sql("SELECT pg_current_wal_insert_lsn() - '0/0'")
            end = int(place.scalar_one())
            connection.exec_driver_sql("SELECT pg_logical_emit_message(true, 'guard', '')")
            connection.commit()
        return end

    def _rows(self) -> dict[str, Counter[str]]:
        """Return what was done to the rows of each table, by every session."""
        flush = "SELECT pg_stat_force_next_flush()"  # else a session tells it once a second
        columns = "n_tup_ins AS ins, n_tup_upd AS upd, n_tup_del AS del, n_tup_hot_upd AS hot"
        text = f"SELECT relname, {columns} FROM pg_stat_user_tables"
        engine = self._database.engine
        with engine.connect() as one, engine.connect() as other:  # all that the pool has
            for session in (one, other):
                session.exec_driver_sql(flush)
                session.commit()
            found = [dict(row._mapping) for row in one.exec_driver_sql(text)]
        return {row.pop("relname"): Counter(row) for row in found}

    def _records(self, start: int, end: int) -> Iterator[Record]:
        names = self._names()
        for line in self._server.wal(start, end):
            if match := RECORD.match(line):
                manager, size, kind, told = match.groups()
                relation = RELATION.search(told)
                name = names.get(int(relation[1]), "other") if relation else ""
                yield Record(f"{manager}/{kind}", name, int(size), told)

    def _names(self) -> dict[int, str]:
        text = "SELECT pg_relation_filenode(oid), relname FROM pg_class WHERE relkind IN ('r', 'i')"
        with self._database.engine.connect() as connection:
            rows: Any = connection.exec_driver_sql(text)
            return {file: name for file, name in rows if file}


@contextmanager
def sent(database: Database) -> Iterator[Counter[str]]:
    """Count what any engine is sent, as SQLAlchemy tells it."""
    said: list[str] = []
    found: Counter[str] = Counter()

    def executes(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        said.append(statement)

    def commits(connection: Any) -> None:
        said.append("COMMIT")

    sa.event.listen(database.engine, "before_cursor_execute", executes)
    sa.event.listen(database.engine, "commit", commits)
    try:
        yield found
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", executes)
        sa.event.remove(database.engine, "commit", commits)
        found.update(kinds(said))
