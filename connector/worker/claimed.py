"""What a worker looks at in the runs that it has just claimed."""

import time
from collections.abc import Mapping, Sequence

from connector import board, log
from connector.board.metrics import Metric
from connector.jobs.job import Run
from connector.jobs.token import stored_at

_log = log.logger(__name__)


def count(runs: Sequence[Run]) -> None:
    """Count what was claimed from a queue, and say so."""
    if not runs:
        return
    now, queue = time.time(), runs[0].queue
    stored = [stored_at(run.token) for run in runs if run.attempt == 1]
    waited = [max(0.0, now - moment) for moment in stored if moment is not None]
    board.count(Metric.CLAIMS, queue, by=len(runs))
    board.observe(Metric.WAIT_SECONDS, waited, queue)
    if len(runs) == 1:
        run = runs[0]
        _log.info("run begins", token=run.token, attempt=run.attempt, queue=queue)
    else:
        _log.info("runs begin", count=len(runs), queue=queue)


def damage(run: Run) -> str | None:
    """Say what is wrong with a row that somebody has damaged by hand, or return None."""
    for name, value in (("parameters", run.parameters), ("checkpoint", run.checkpoint)):
        if type(value) is dict or isinstance(value, Mapping):
            continue
        if name == "parameters" or value is not None:
            return f"the {name} stored for it are damaged: a JSON object is expected"
    return None
