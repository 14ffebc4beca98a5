"""What load balancers and alarms are told."""

import time
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from connector.db.engine import Database, Tx
from connector.jobs import operate, submit
from connector.jobs.job import NewJob
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from connector.service import metrics
from tests import leases
from tests.commands import Program
from tests.service.conftest import Service, service_of

WORKER = "00000000-0000-7000-8000-00000000000a"


def eventually(what: str, condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not happen within {seconds} s: {what}"
        time.sleep(0.05)


def overdue(tx: Tx) -> None:
    """Store a fetch that has been due for an hour."""
    token = new_token()
    submit.submit(tx, [NewJob(token, "Fetch", {"FetchAction": "Synchronize"}, tasks=("ONE",))])
    earlier = jobs.c.rank - 3600 * 10**6
    run_at = tx.execute(sa.select(jobs.c.run_at).where(jobs.c.token == token)).scalar_one()
    values = {"run_at": run_at - timedelta(hours=1), "rank": earlier}
    tx.execute(sa.update(jobs).where(jobs.c.token == token).values(values))


def test_queues_are_unwell_while_claimable_work_is_overdue_and_well_while_they_are_paused(
    program: Program,
) -> None:
    database = Database(f"sqlite:///{program.folder}/data/connector.db")
    settings = {"SERVICE_SERVICEPORT": "0", "SERVER_WORKERS": "0", "SERVICE_QUEUEAGESECONDS": "60"}
    with program.running("serve", **settings) as serving:
        service = service_of(serving)
        assert service.get("healthz/queues").status_code == 200
        database.run(overdue)
        eventually("unwell", lambda: service.get("healthz/queues").status_code == 503)
        told = service.get("healthz/queues").text
        assert told.startswith("Fetch: an action that could be claimed has been due for 36")
        assert "QueueAgeSeconds" in told
        age = service.metrics()['cluster_queue_age_seconds{queue="Fetch"}']
        assert 3600 <= age < 3700
        leases.register(database, WORKER, "Fetch")  # which makes the queue's row
        database.run(operate.pause_queue, "Fetch", "test")
        eventually("well", lambda: service.get("healthz/queues").status_code == 200)
        eventually("paused", lambda: service.metrics()['cluster_queue_paused{queue="Fetch"}'] == 1)
        assert service.get("livez").text == "live\n"
    database.close()


def test_a_server_that_cannot_store_an_action_lives_and_is_not_ready(service: Service) -> None:
    folder = service.serving.errors.parent
    database = Database(f"sqlite:///{folder}/data/connector.db")
    assert service.get("readyz").text == "ready\n"
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    eventually("not ready", lambda: service.get("readyz").status_code == 503)
    assert "the log of this server" in service.get("readyz").text
    assert service.get("livez").status_code == 200
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    eventually("ready again", lambda: service.get("readyz").status_code == 200)
    lines = service.ask("a=GetLogStream&Name=http%201").iter("line")
    assert [line for line in lines if "an action cannot be stored" in (line.text or "")]
    database.close()


def test_figures_that_the_database_does_not_give_are_left_out() -> None:
    told = metrics.rendered(metrics.of_cluster(None)).decode()
    assert "\nwebex_connector_cluster_database_up 0.0\n" in told
    assert "cluster_queue_age_seconds{" not in told
