"""A rolling upgrade: two hosts, a migration while both work, old and new programs side by side."""

import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.db.schema import VERSION
from connector.jobs.states import State
from tests.commands import ROOT
from tests.conftest import fresh_url, migrate
from tests.system.conftest import PLUGIN, Server

MIGRATION = '''
"""A column and an index that programs of today know nothing of."""
import sqlalchemy as sa
from alembic import op
from connector.db.dialects.ddl import announce, create_index, drop_index

revision, down_revision, branch_labels, depends_on = "next", "{head}", None, None
schema = op.get_context().version_table_schema


def upgrade() -> None:
    announce("next adds a column to jobs, and an index while others write")
    op.add_column("jobs", sa.Column("colour", sa.Text(), comment="of tomorrow"), schema=schema)
    create_index("jobs_colour", "jobs", ["colour"], "colour IS NOT NULL")
    info = sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)
    op.execute(info.update().values(version={version}))
'''


@pytest.fixture
def following(tmp_path: Path) -> Path:
    """The folder of the program's next version, which has one more migration."""
    folder = tmp_path / "next"
    for part in ("connector", "migrations"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for name, old, new in (
        ("connector/__init__.py", '__version__ = "', '__version__ = "1'),
        ("connector/db/schema.py", f"VERSION = {VERSION}", f"VERSION = {VERSION + 1}"),
    ):
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    head = max(path.name[:4] for path in (ROOT / "migrations/versions").glob("0*.py"))
    text = MIGRATION.format(head=head, version=VERSION + 1)
    (folder / "migrations/versions/next.py").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def hosts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two servers with folders of their own on one database."""
    url = fresh_url("postgresql", request, tmp_path)
    made = [Server(url, tmp_path / name) for name in ("a", "b")]
    for server in made:
        server.folder.mkdir()
        server.trace = tmp_path / "trace"
    migrate(made[0].database)
    yield made[0], made[1]
    for server in made:
        server.kill()
        server.database.close()


def test_hosts_are_upgraded_one_after_the_other_and_nothing_is_lost_or_doubled(
    hosts: tuple[Server, Server], following: Path
) -> None:
    first, second = hosts
    more = {"CONNECTOR_WORKER_SHUTDOWNSECONDS": "20", "CONNECTOR_LOGGING_LOGLEVEL": "error"}
    first.start("serve", **more)
    second.start("work", **more)
    tokens: list[str] = []
    over = threading.Event()

    def submit() -> None:
        while not over.wait(0.03):
            tokens.append(second.submit("sleep" if len(tokens) % 25 == 0 else "nothing", Seconds=1))

    load = threading.Thread(target=submit)
    load.start()
    try:
        program = [sys.executable, "-m", "connector", "migrate"]
        paths = os.pathsep.join([str(PLUGIN), str(following)])
        settings = {"CONNECTOR_DATABASE_URL": first.url, "PYTHONPATH": paths}
        done = subprocess.run(
            program,
            env={**os.environ, **settings},
            cwd=following,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0 and "next adds a column" in done.stdout, done.stderr
        for server, command in ((second, "work"), (first, "serve")):
            ran = len(server.traced("end"))
            assert server.end() == 0
            server.package = str(following)
            server.start(command, **more)
            token = server.submit("nothing")
            server.wait(token, State.FINISHED)
            assert len(server.traced("end")) > ran
            if server is second:
                first.wait(first.submit("nothing"), State.FINISHED)  # old and new side by side
    finally:
        over.set()
        load.join()
    for token in tokens:
        job = first.wait(token, State.FINISHED)
        assert (job.failures, job.losses) == (0, 0)
    ends = Counter(line[1] for line in first.traced("end"))
    assert set(tokens) <= set(ends) and set(ends.values()) == {1}
    assert first.end() == 0 and second.end() == 0
