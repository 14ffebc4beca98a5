"""On PostgreSQL with roles: what a slot may not do, and what BackupURL lets it do."""

import pytest

from tests import roles
from tests.actions.conftest import Rig

pytestmark = pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)


def test_a_slot_that_may_not_read_every_table_says_what_to_set(rig: Rig) -> None:
    urls = roles.granted(rig.url)
    rig.kinds = {"backup": urls["slot"], "slot": urls["slot"]}
    told = rig.failed("BackupServer")
    assert "permission denied" in told and "[Database] BackupURL" in told
    assert list(rig.backups.iterdir()) == []
    rig.kinds = {"backup": rig.url, "slot": urls["slot"]}
    name = rig.done("BackupServer")["filename"]
    rig.kinds = {"backup": urls["slot"], "slot": urls["slot"]}
    assert "[Database] BackupURL" in rig.failed("RestoreServer", Path=name)


def test_a_slot_has_the_rights_that_a_purge_wants(rig: Rig) -> None:
    urls = roles.granted(rig.url)
    rig.kinds = {"slot": urls["slot"]}
    rig.fill("ONE", rig.jobs.submit())
    rig.done("PurgeDatastore", Section="*")
    assert rig.rows("task_items") == {"task_items": []}
