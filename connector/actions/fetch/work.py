"""What Fetch does with each of its tasks."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from connector import board
from connector.actions.action import Context, Failed, Finished, Outcome, Release
from connector.actions.fetch.counts import Counts
from connector.actions.fetch.journal import Journal
from connector.actions.fetch.synchronize import synchronize
from connector.board.metrics import Metric
from connector.config import Settings, TaskSettings
from connector.datastore.errors import HolderLost
from connector.db.engine import Database
from connector.ingest.target import TargetUnusable
from connector.jobs.errors import LeaseLost
from connector.webex.client import WebexClient
from connector.webex.errors import Unavailable, WebexError

Work = Callable[[Settings, TaskSettings, WebexClient, Journal, Context], Counts]

WORK: dict[str, Work] = {
    "Synchronize": synchronize,
}
"""What each value of FetchAction does with a task."""

AGAIN = 30.0
"""Seconds after which Webex is tried again when it was out of reach and did not say when."""


def run(
    settings: Settings,
    tasks: Sequence[str],
    open_database: Callable[[], Database],
    context: Context,
) -> Outcome:
    """Do the fetch action with each task; one task that fails does not keep the others."""
    token = settings.webex.access_token
    if token is None:
        return Failed("no access token for Webex: set [Webex] AccessToken or AccessTokenFile")
    webex = settings.webex
    try:
        with (
            closing(open_database()) as database,
            WebexClient(
                webex.base_url,
                token.get_secret_value(),
                page_size=webex.page_size,
                timeout=webex.timeout_seconds,
                max_retries=webex.max_retries,
                max_wait=webex.max_wait_seconds,
                connections=webex.download_threads + 2,
                told=_count_call,
            ) as client,
        ):
            return _tasks(settings, tasks, database, client, context)
    except (HolderLost, LeaseLost) as error:
        return Release(str(error), 1.0)
    except WebexError as error:
        return Failed(str(error))


def _tasks(
    settings: Settings,
    tasks: Sequence[str],
    database: Database,
    client: WebexClient,
    context: Context,
) -> Outcome:
    work = WORK[context.parameters["FetchAction"]]
    results: list[tuple[str, Counts, str]] = []
    for name in tasks:
        task = settings.task(name)
        if task is None:
            raise LookupError(f"task {name} is not in the configuration any more")
        journal = Journal(database, context, task)
        failure = ""
        try:
            work(settings, task, client, journal, context)
        except Unavailable as error:
            away = journal.away()
            if away < settings.webex.give_up_after_seconds:
                return Release(str(error), error.retry_after or AGAIN)
            failure = f"{error}; given up after {away:.0f} s ([Webex] GiveUpAfterSeconds)"
        except (WebexError, TargetUnusable) as error:
            failure = str(error)
        results.append((name, journal.counts, failure))
    return _outcome(context.parameters["FetchAction"], results)


def _count_call(status: str, seconds: float) -> None:
    board.count(Metric.WEBEX_CALLS, status)
    board.observe(Metric.WEBEX_SECONDS, seconds)


def _outcome(fetch_action: str, results: Sequence[tuple[str, Counts, str]]) -> Outcome:
    """Tell what became of each task. The action failed if no task could be walked to its end."""
    failed = [
        {"@message": failure or _problems(counts), "$": task}
        for task, counts, failure in results
        if failure or counts.errors
    ]
    names = {entry["$"] for entry in failed}
    tasks: dict[str, Any] = {"failed": failed} if failed else {}
    if success := [task for task, _, _ in results if task not in names]:
        tasks["success"] = success
    result = {
        "documentcounts": {"documentcount": [counts.element(task) for task, counts, _ in results]},
        "fetchaction": fetch_action.upper(),
        "tasks": tasks,
    }
    failures = [f"{task}: {failure}" for task, _, failure in results if failure]
    if len(failures) == len(results):
        return Failed("; ".join(failures), result)
    return Finished(result)


def _problems(counts: Counts) -> str:
    if counts.errors == 1:
        return counts.problem
    return f"{counts.errors} errors, the first: {counts.problem}"
