"""The server that is fuzzed: the real application over a real SQLite database, in a folder of its
own, with something in it to steal.

It begins with one action in each state, whose tokens the requests know, and with secrets that they
do not know: whatever shows one of those has leaked it.
"""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from connector.aci.access import Access
from connector.aci.app import application
from connector.aci.guard import Guard
from connector.aci.protocol import Bounds, bounded
from connector.aci.refusals import Refusals
from connector.actions import keys
from connector.actions.registry import actions
from connector.actions.sealing import sealed
from connector.config import Settings, keyring, load
from connector.db.engine import Database
from connector.jobs import claim, outcomes, requests, submit
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.tables import jobs
from tests import leases
from tests.aci.serving import Echo
from tests.conftest import migrate
from tests.fuzz.recording import Recorder

TOKENS = {state: f"0198c0de-1a2b-7c3d-8e4f-{number:012x}" for number, state in enumerate(State)}
"""State to the token of the action that begins in it."""

WORKER = "00000000-0000-7000-8000-00000000000a"
TEMPLATE = "brief"
"""The one template there is."""

ENOUGH = 300
"""Actions stored, from which on the next conversation has a new server."""

ASYNCHRONOUS = ("Echo", "Fetch", "PurgeDatastore", "BackupServer", "RestoreServer")

LONGEST_WAIT = 0.5
"""Seconds that a client waits who asks for it, so that there is time for others."""

_SHEET = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    '<xsl:template match="/autnresponse"><told>{}<xsl:copy-of select="response"/>'
    '<xsl:copy-of select="responsedata/token"/></told></xsl:template></xsl:stylesheet>'
)
_CONFIGURATION = """
[Server]
XSLTemplates=true
[Paths]
DataDirectory=data
[FetchTasks]
0=Alpha
1=Beta
[Alpha]
IngesterType=null
[Beta]
IngesterType=null
"""


class Rig:
    """One server. `folder`: where its data is; `outside`: a folder it has no business in."""

    def __init__(self, root: Path) -> None:
        self.canary, self.pin = (f"canary-{secrets.token_hex(12)}" for _ in range(2))
        self.folder, self.outside = root / "data", root / "outside"
        self.settings = _settings(root)
        self._lay_out()
        self.database = Database(_url(root), application="fuzz", pool_size=6)
        assert keys.prepare(self.database, self.settings.paths.keys) is None
        self.secrets = (self.canary, self.pin, self.settings.paths.keys.read_text().strip())
        """What no answer may hold."""
        _fill(self.database, self.settings, self.pin)
        self.seconds = self.settings.server.answer_seconds
        self._access = Access(self.database, self.settings)
        self._access.patience = LONGEST_WAIT
        refusals = Refusals()
        known = actions(self.settings, lambda kind="http": self.database)
        # The configuration knows no task of its queue, but all of it is the real thing.
        self.guard: Guard = application(
            self.settings, self._access, {"Echo": Echo(), **known}, refusals
        )
        self.app = Recorder(self.guard)
        self.protocol = bounded(Bounds.of(self.settings.server), refusals)
        self.begun_with = self.stored()

    def stored(self) -> list[str]:
        """Return the tokens of all actions there are, in the order of arrival."""
        with self.database.engine.connect() as connection:
            return list(
                connection.execute(sa.select(jobs.c.token).order_by(jobs.c.token)).scalars()
            )

    def close(self) -> None:
        """End its threads."""
        self._access.close()

    def _lay_out(self) -> None:
        templates = self.settings.paths.templates
        templates.mkdir(parents=True)
        self.outside.mkdir()
        (templates / f"{TEMPLATE}.xsl").write_text(_SHEET.format(""))
        for name in ("canary", "canary.txt", "canary.xsl", "canary.tmpl"):
            (self.outside / name).write_text(_SHEET.format(self.canary))


@contextlib.contextmanager
def migrated(root: Path) -> Iterator[Path]:
    """Yield an empty database with tables, to be copied."""
    made = root / "template.db"
    database = Database(f"sqlite:///{made}", application="fuzz")
    migrate(database)
    database.close()
    yield made


class Rigs:
    """Servers one after the other, each in a folder of its own that goes with it."""

    def __init__(self, root: Path, template: Path) -> None:
        self._root, self._template = root, template
        self._number = 0
        self._rig: Rig | None = None

    def fresh(self) -> Rig:
        """Return a server that nobody has asked anything."""
        self.close()
        self._number += 1
        root = self._root / f"rig{self._number}"
        (root / "data").mkdir(parents=True)
        shutil.copy(self._template, root / "data" / "connector.db")
        (root / "server.cfg").write_text(_CONFIGURATION)
        self._rig = Rig(root)
        return self._rig

    def current(self) -> Rig:
        """Return the server of before, unless it has got too much to list."""
        if self._rig is None or len(self._rig.app.tokens) > ENOUGH:
            return self.fresh()
        return self._rig

    def close(self) -> None:
        """End the server there is."""
        if self._rig is not None:
            self._rig.close()
            shutil.rmtree(self._root / f"rig{self._number}")
            self._rig = None


def _url(root: Path) -> str:
    return f"sqlite:///{root}/data/connector.db"


def _settings(root: Path) -> Settings:
    given = {"CONNECTOR_DATABASE_URL": _url(root)}
    return load(root / "server.cfg", given, {}, ASYNCHRONOUS).settings


def _fill(database: Database, settings: Settings, pin: str) -> None:
    """Store an action in each state; its secret parameter is one that nobody may see again."""
    ring = keyring.load(settings.paths.keys)
    values = sealed({"To": "you", "Word": "hello", "Pin": pin}, {"Pin"}, ring)
    ran = [s for s in State if s not in (State.QUEUED, State.PAUSED, State.CANCELLED)]
    for state in [*ran, State.CANCELLED, State.PAUSED, State.QUEUED]:
        job = NewJob(TOKENS[state], Echo.name, values, submitted_by="the rig")
        database.run(submit.submit, [job])
        if state in ran:
            leases.register(database, WORKER) if state is ran[0] else None
            (run,) = database.run(claim.claim, Echo.name, WORKER, 1)
            if state is State.FINISHED:
                database.run(outcomes.finish, run, {"documents": {"@count": 2, "$": "a<b"}})
            elif state is State.FAILED:
                database.run(outcomes.fail, run, "as asked")
            elif state is State.STOPPED:
                database.run(outcomes.stop, run)
        elif state is State.CANCELLED:
            database.run(requests.cancel, token=job.token, by="the rig")
        elif state is State.PAUSED:
            database.run(requests.pause, token=job.token, by="the rig")
