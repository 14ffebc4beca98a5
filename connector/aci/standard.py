"""What every ACI server answers about itself: GetVersion, GetStatus, GetPid, GetLicenseInfo.

Source of the element names: getVersion.xml of the vendor's Java types, GetLicenseInfo.xml of its
Java client, and container health checks.
"""

import os
import platform
import time
from collections.abc import Collection
from datetime import datetime

import connector
from connector.aci.dates import error_time
from connector.aci.reply import Reply
from connector.aci.tree import Tree
from connector.config import Settings

PRODUCT = "Webex Connector"


class Standard:
    """The standard actions of one http process. `at_once`, `stored`: names of all actions."""

    def __init__(
        self, settings: Settings, at_once: Collection[str], stored: Collection[str]
    ) -> None:
        self._settings = settings
        self._sections = {"General": list(at_once), "Connector": list(stored)}
        self._started = datetime.now().astimezone()
        self._since = time.monotonic()

    def get_version(self) -> Reply:
        """Answer GetVersion."""
        now = datetime.now().astimezone()
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
        """Answer GetStatus: what this server is, and which actions it has."""
        names = [name for section in self._sections.values() for name in section]
        actions: list[Tree] = [{"@action": name} for name in names]
        tasks: list[Tree] = [task.name for task in self._settings.tasks]
        data: dict[str, Tree] = {
            "product": PRODUCT,
            "version": connector.__version__,
            "build": connector.__version__,
            "aciport": self._settings.server.port,
            "directory": os.getcwd(),
            "actions": {"action": actions},
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
            for section, names in self._sections.items()
        ]
        data: dict[str, Tree] = {
            "autn:license": {"autn:validlicense": True},
            "autn:actions": {"autn:section": sections},
        }
        return Reply("GetLicenseInfo", data)

    def _uptime(self) -> dict[str, Tree]:
        seconds = int(time.monotonic() - self._since)
        days, rest = divmod(seconds, 86400)
        clock = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
        return {
            "autn:uptime": f"{days} days {clock}",
            "autn:seconds": seconds,
            "autn:starttime": error_time(self._started),
        }


def _licensed(name: str) -> Tree:
    return {"autn:name": name, "autn:licensed": True}
