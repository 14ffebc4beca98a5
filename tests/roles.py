"""A database of PostgreSQL whose processes log in as different roles, with least rights each."""

import sqlalchemy as sa

from connector.cli import roles
from connector.db.engine import Database
from tests import sql_scripts
from tests.conftest import migrate

SCHEMA = "webex_connector"


def prepared(url: str) -> dict[str, str]:
    """Make the roles in an empty database, migrate as the owner, and return a URL for each kind."""
    urls = granted(url)
    owner = Database(urls["owner"], application="migrate", statement_seconds=0.0)
    migrate(owner)
    owner.close()
    return urls


def granted(url: str) -> dict[str, str]:
    """Make the roles, give them their rights on what is there, and return a URL for each kind."""
    for _ in range(2):  # again does no harm
        sql_scripts.run(url, roles.script(SCHEMA, str(sa.make_url(url).database)))
    return {kind: _as(url, f"{SCHEMA}_{kind}") for kind in roles.KINDS}


def _as(url: str, user: str) -> str:
    return sa.make_url(url).set(username=user).render_as_string(hide_password=False)
