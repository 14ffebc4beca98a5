"""Keys that are held to a queue, at the service port."""

from connector.db import api_keys
from connector.db.engine import Database
from tests.commands import Program
from tests.service.conftest import service_of

ASKED = (
    "action=GetStatus",
    "action=GetStatusInfo",
    "action=GetStatistics",
    "action=GetLogStreamNames",
    "action=GetLogStream&Name=all",
    "metrics",
    "healthz/queues",
)


def test_a_key_held_to_a_queue_is_told_nothing_of_the_whole_server(program: Program) -> None:
    database = Database(f"sqlite:///{program.folder}/data/connector.db")
    roles = ["Query", "ServiceStatus"]
    keys = {
        held: database.run(api_keys.create, "ci", roles, queues, "cli me")
        for held, queues in ((True, ["Other"]), (False, None))
    }
    database.close()
    with program.running("serve", SERVICE_SERVICEPORT="0", SERVER_WORKERS="0") as serving:
        service = service_of(serving)
        for held, key in keys.items():
            for path in ASKED:
                answer = service.get(path, Authorization=f"Bearer {key}")
                assert ("ERRORNOTPERMITTED" in answer.text) is held, path
                assert not held or "for every queue" in answer.text, path
            permissions = serving.url + "action=ShowPermissions"
            told = service.ask_at(permissions, Authorization=f"Bearer {key}")
            assert told.findtext(".//{*}servicestatusclient") == str(not held).lower()
