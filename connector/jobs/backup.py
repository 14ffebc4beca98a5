"""What a backup holds of the queue: the rows of each table, in the order a restore wants them."""

from collections.abc import Iterator

from connector.db.copying import Row, belonging, rows
from connector.db.engine import Tx
from connector.jobs import results
from connector.jobs.schedule_table import schedules
from connector.jobs.tables import (
    idempotency_keys,
    job_events,
    job_progress,
    job_results,
    jobs,
    queues,
)


def tables(tx: Tx) -> Iterator[tuple[str, Iterator[Row]]]:
    """Yield each table's name and rows; what belongs to a job in the order of `jobs`.

    Not in it is what only this server's processes mean something to (workers, drained hosts, who
    has begun which task), what is counted anew, and events that wait for their handlers.
    """
    yield queues.name, rows(tx, queues, queues.c.queue)
    yield schedules.name, rows(tx, schedules, schedules.c.task)
    yield jobs.name, rows(tx, jobs, jobs.c.token)
    yield job_progress.name, rows(tx, job_progress, job_progress.c.token)
    yield job_results.name, results.every(tx)
    events, keys = job_events.c, idempotency_keys.c
    yield job_events.name, belonging(tx, job_events, jobs.c.token, events.token, events.id)
    yield idempotency_keys.name, belonging(tx, idempotency_keys, jobs.c.token, keys.token, keys.key)
