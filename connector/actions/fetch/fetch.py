"""The action Fetch: what is to be done with Webex is said by its parameter FetchAction."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, ClassVar

from connector import board
from connector.actions.action import (
    Context,
    Failed,
    Finished,
    InvalidParameter,
    Outcome,
    Parameter,
    Release,
)
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

FETCH_ACTIONS: dict[str, Work] = {
    "Synchronize": synchronize,
}
"""What each value of FetchAction does with a task."""

AGAIN = 30.0
"""Seconds after which Webex is tried again when it was out of reach and did not say when."""


class Fetch:
    """Fetches from Webex, one fetch task of the configuration after another."""

    name: ClassVar[str] = "Fetch"
    help: ClassVar[str] = "Fetch messages and files from Webex and deliver them as documents."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "FetchAction",
            "What to do: Synchronize delivers what is new, edited or deleted since the last time.",
            kind="choice",
            required=True,
            choices=tuple(FETCH_ACTIONS),
        ),
        Parameter("TaskSections", "Names of fetch tasks, separated by commas; all if left out."),
    )
    pausable: ClassVar[bool] = True

    def __init__(self, settings: Settings, open_database: Callable[[], Database]) -> None:
        self._settings = settings
        self._open_database = open_database

    def tasks_of(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the fetch tasks that TaskSections names, or all. Raises InvalidParameter."""
        known = [task.name for task in self._settings.tasks]
        if not known:
            raise InvalidParameter(
                "TaskSections",
                "a fetch task of the configuration, and it has none: list one in [FetchTasks]",
                absent=True,
            )
        named = [name.strip().upper() for name in parameters.get("TaskSections", "").split(",")]
        wanted = [name for name in named if name] or known
        for name in wanted:
            if name not in known:
                raise InvalidParameter("TaskSections", f"one or more of {', '.join(known)}", name)
        return tuple(dict.fromkeys(wanted))

    def run(self, context: Context) -> Outcome:
        """Do the fetch action with each task; one task that fails does not keep the others."""
        token = self._settings.webex.access_token
        if token is None:
            return Failed("no access token for Webex: set [Webex] AccessToken or AccessTokenFile")
        webex = self._settings.webex
        try:
            with (
                closing(self._open_database()) as database,
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
                return self._tasks(context, database, client)
        except (HolderLost, LeaseLost) as error:
            return Release(str(error), 1.0)
        except WebexError as error:
            return Failed(str(error))

    def _tasks(self, context: Context, database: Database, client: WebexClient) -> Outcome:
        work = FETCH_ACTIONS[context.parameters["FetchAction"]]
        results: list[tuple[str, Counts, str]] = []
        for name in self.tasks_of(context.parameters):
            task = self._settings.task(name)
            if task is None:
                raise LookupError(f"task {name} is not in the configuration any more")
            journal = Journal(database, context, task)
            failure = ""
            try:
                work(self._settings, task, client, journal, context)
            except Unavailable as error:
                away = journal.away()
                if away < self._settings.webex.give_up_after_seconds:
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
