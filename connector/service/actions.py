"""The actions of the service port. Source: the service actions of the ACI reference."""

import asyncio
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial

from starlette.responses import Response

import connector
from connector.aci import xml
from connector.aci.authorization import Admission
from connector.aci.dates import error_time
from connector.aci.errors import AciError, Code, invalid, missing
from connector.aci.formats import FORMATS, format_named
from connector.aci.parameters import Parameters
from connector.aci.reply import Reply
from connector.aci.request import Request
from connector.aci.standard import PRODUCT
from connector.aci.tree import Tree
from connector.aci.values import choice
from connector.board.metrics import Metric
from connector.config import shown
from connector.config.by_request import decoded
from connector.service.apart import Apart, Busy
from connector.service.host import Host
from connector.service.validation import Verdict, check_file, check_text

ALL = "all"
"""The log stream that holds the lines of all processes, by time."""

LINES = 100
"""Lines of a log stream that are shown unless Tail says otherwise."""

END_AFTER = 0.2
"""Seconds between the answer to Stop and the end: the answer must get out first."""

CHECKS = 2
"""Configurations that are checked at once; further requests are refused meanwhile."""

CHECKED = 5.0
"""Seconds that a check may take: a file may be on a disk that hangs."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

Answer = Callable[[Parameters], Awaitable[Reply | Response]]


class ServiceActions:
    """All actions of the service port, by name in any case."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._checks = Apart(CHECKS, CHECKED)
        answers: Mapping[str, Answer] = {
            "GetStatus": self._get_status,
            "GetStatusInfo": self._get_status_info,
            "GetStatistics": self._get_statistics,
            "GetConfig": self._get_config,
            "GetLogStreamNames": self._get_log_stream_names,
            "GetLogStream": self._get_log_stream,
            "ValidateConfig": self._validate_config,
            "Stop": self._stop,
        }
        self._names = ", ".join(answers)
        self._answers = {name.casefold(): answer for name, answer in answers.items()}

    async def answer(self, request: Request, admission: Admission) -> Reply | Response:
        """Answer one request, if its sender may send it. Raises AciError."""
        answer = self._answers.get(request.action.strip().casefold())
        if answer is None:
            raise AciError(
                Code.NOT_IMPLEMENTED,
                f"The service port has no action {request.action[:60]!r}; it has {self._names}.",
            )
        admission.require(request.action, asynchronous=False)
        return await answer(request.parameters)

    async def _get_status(self, parameters: Parameters) -> Response:
        """Say that the server runs, in an envelope of capitals: no other answer has that."""
        envelope = {"ACTION": "GETSTATUS", "RESPONSE": "Running", "RESPONSEDATA": ""}
        shown = format_named(parameters.get("ResponseFormat", ""))
        if shown is FORMATS["xml"]:
            elements = "".join(xml.element(name, text) for name, text in envelope.items())
            return Response(xml.PROLOG + elements + xml.EPILOG, media_type=shown.media_type)
        simple = shown is FORMATS["simplejson"]
        told = envelope if simple else {name: {"$": text} for name, text in envelope.items()}
        text = json.dumps({"autnresponse": told}, separators=(",", ":")) + "\n"
        return Response(text, media_type=shown.media_type)

    async def _get_status_info(self, parameters: Parameters) -> Reply:
        """Tell more: version, ports, and the processes of this host."""
        totals = self._host.board.totals()
        processes: list[Tree] = [
            {
                "@name": key[1],
                "@pid": str(int(pid)),
                "@starts": str(int(totals.get((Metric.STARTS.value.name, key[1]), 1))),
                "@started": _moment(totals[Metric.PROCESS_STARTED.value.name, key[1]]),
            }
            for key, pid in sorted(totals.items())
            if key[0] == Metric.PROCESS_PID.value.name
        ]
        aci, service = self._host.ports
        data: dict[str, Tree] = {
            "status": "Running",
            "product": PRODUCT,
            "version": connector.__version__,
            "aciport": aci,
            "serviceport": service,
            "directory": os.getcwd(),
            "starttime": error_time(self._host.started),
            "processes": {"process": processes},
        }
        return Reply("GetStatusInfo", data)

    async def _get_statistics(self, parameters: Parameters) -> Reply:
        """Tell how many requests the action port had, and how long they took."""
        now = time.monotonic()
        self._host.sample(now)
        return Reply("GetStatistics", {"autn:stat": self._host.history.stats(now)})

    async def _get_config(self, parameters: Parameters) -> Reply:
        """Show the configuration in use, defaults included, with secrets masked."""
        return Reply("GetConfig", {"config": shown.text(self._host.settings)})

    async def _get_log_stream_names(self, parameters: Parameters) -> Reply:
        names: list[Tree] = [ALL, *self._host.board.names]
        return Reply("GetLogStreamNames", {"logstreams": {"logstream": names}})

    async def _get_log_stream(self, parameters: Parameters) -> Reply:
        """Show the newest lines of a log stream. Older ones are where standard error goes."""
        names = [ALL, *self._host.board.names]
        given = parameters.get("Name", "")
        if not given:
            raise missing("Name", f"one of {', '.join(names)}")
        name = choice(given, "Name", names)
        wanted = parameters.get("Tail", "") or str(LINES)
        if not (wanted.isascii() and wanted.isdigit()) or len(wanted) > 9:
            raise invalid("Tail", wanted, "a number of lines")
        of = self._host.board.names if name == ALL else [name]
        found = sorted(line for each in of for line in self._host.board.place(each).lines())
        shown = found[len(found) - min(int(wanted), len(found)) :]
        lines: list[Tree] = [_COLOUR.sub("", text) for _, text in shown]
        return Reply("GetLogStream", {"name": name, "lines": {"line": lines}})

    async def _validate_config(self, parameters: Parameters) -> Reply:
        """Check the configuration file as it is now, or the one in Config, as base64."""
        sent = parameters.get("Config", "")
        check = (
            partial(check_text, _decoded(sent))
            if sent
            else partial(check_file, self._host.config, self._host.settings)
        )
        try:
            return Reply("ValidateConfig", _verdict(await self._checks.run(check)))
        except TimeoutError:
            told = f"The check was not done within {CHECKED:g} s; a file of it may be out of reach."
            raise AciError(Code.INTERNAL, told) from None
        except Busy:
            told = "Configurations are being checked; send it again when that is done."
            raise AciError(Code.TOO_MANY, told) from None

    async def _stop(self, parameters: Parameters) -> Reply:
        """End the whole server on this host, in order; actions go on with its next start."""
        asyncio.get_running_loop().call_later(END_AFTER, self._host.end)
        return Reply("Stop", {"stopping": True})


def _verdict(verdict: Verdict) -> Mapping[str, Tree]:
    return {
        "valid": not verdict.problems,
        "problems": {"problem": list(verdict.problems)},
        "warnings": {"warning": list(verdict.warnings)},
    }


def _decoded(sent: str) -> str:
    try:
        return decoded(sent)
    except ValueError:
        raise invalid("Config", None, "the text of a configuration, in UTF-8, as base64") from None


def _moment(seconds: float) -> str:
    return error_time(datetime.fromtimestamp(seconds).astimezone())
