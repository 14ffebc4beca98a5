"""What every ACI server answers about itself: GetVersion, GetStatus, GetPid, GetLicenseInfo.

Source of the element names: getVersion.xml of the vendor's Java types, GetLicenseInfo.xml of its
Java client, and container health checks.
"""

import os
import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

import connector
from connector.aci.dates import error_time
from connector.aci.reply import Reply
from connector.aci.tree import Tree
from connector.actions.action import Action
from connector.config import Settings

PRODUCT = "Webex Connector"

FETCH_ACTION = "FetchAction"
"""The parameter by which an action says what it shall do of several things."""


def _now() -> datetime:
    return datetime.now().astimezone()


class Standard:
    """The standard actions of one http process.

    `at_once`: names of the actions that are answered at once; `stored`: the asynchronous ones by
    name; `now`: the time with a zone, `seconds`: a clock that nobody sets.
    """

    def __init__(
        self,
        settings: Settings,
        at_once: Collection[str],
        stored: Mapping[str, Action],
        now: Callable[[], datetime] = _now,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._at_once = list(at_once)
        self._stored = stored
        self._now = now
        self._seconds = seconds
        self._started = now()
        self._since = seconds()

    def get_version(self) -> Reply:
        """Answer GetVersion."""
        now = self._now()
        data: dict[str, Tree] = {
            "autn:version": connector.__version__,
            "autn:aciversion": "1.0",
            "autn:productname": PRODUCT,
            "autn:commonname": PRODUCT,
            "autn:producttypecsv": "CONNECTOR",
            "autn:build": connector.__version__,
            "autn:wordsize": 64,
            "autn:operatingsystem": platform.system(),
            "autn:directory": os.getcwd(),
            "autn:servertime": {
                "autn:epoch": int(now.timestamp()),
                "autn:string": error_time(now),
            },
            "autn:uptime": self._uptime(),
        }
        return Reply("GetVersion", data)

    def get_status(self) -> Reply:
        """Answer GetStatus: what this server is, which actions, queues and tasks it has."""
        actions: list[Tree] = [{"@action": name} for name in self._at_once]
        actions += [element for each in self._stored.values() for element in _supported(each)]
        queues: list[Tree] = [self._queue(each) for each in self._stored.values()]
        tasks: list[Tree] = [task.name for task in self._settings.tasks]
        data: dict[str, Tree] = {
            "product": PRODUCT,
            "version": connector.__version__,
            "build": connector.__version__,
            "aciport": self._settings.server.port,
            **_service_port(self._settings),
            "directory": os.getcwd(),
            "actions": {"action": actions},
            "queues": {"queue": queues},
            "tasks": {"task": tasks},
            "autn:pid": os.getpid(),
            "autn:uptime": self._uptime(),
        }
        return Reply("GetStatus", data)

    def get_pid(self) -> Reply:
        """Answer GetPid."""
        return Reply("GetPid", {"autn:pid": os.getpid()})

    def get_license_info(self) -> Reply:
        """Answer GetLicenseInfo: nothing here wants a licence key, so everything has one."""
        sections: list[Tree] = [
            {"autn:name": section, "autn:action": [_licensed(name) for name in names]}
            for section, names in (("General", self._at_once), ("Connector", self._stored))
        ]
        data: dict[str, Tree] = {
            "autn:license": {"autn:validlicense": True},
            "autn:actions": {"autn:section": sections},
        }
        return Reply("GetLicenseInfo", data)

    def _queue(self, action: Action) -> Tree:
        of_queue = self._settings.queue(action.name)
        return {
            "name": action.name,
            "pausable": action.pausable,
            "maximumthreads": of_queue.maximum_threads,
            "maxqueuesize": of_queue.max_queue_size,
        }

    def _uptime(self) -> dict[str, Tree]:
        seconds = int(self._seconds() - self._since)
        days, rest = divmod(seconds, 86400)
        clock = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
        return {
            "autn:uptime": f"{days} days {clock}",
            "autn:seconds": seconds,
            "autn:starttime": error_time(self._started),
        }


def _licensed(name: str) -> Tree:
    return {"autn:name": name, "autn:licensed": True}


def _supported(action: Action) -> Iterator[Tree]:
    """Yield an action as GetStatus lists it: once for each fetch action that it takes."""
    takes = [x.choices for x in action.parameters if x.name.casefold() == FETCH_ACTION.casefold()]
    if not takes:
        yield {"@action": action.name}
    for choice in (choice for choices in takes for choice in choices):
        yield {"@action": action.name, "@fetchaction": choice}


def _service_port(settings: Settings) -> dict[str, Tree]:
    port = settings.service.service_port
    return {} if port is None else {"serviceport": port}
