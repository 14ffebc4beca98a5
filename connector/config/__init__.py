"""Settings: the file format, the sections, and where values come from.

``load`` gives a ``Loaded`` with its frozen ``Settings``, or raises ``ConfigError`` with every
problem at once. The sections are stated in ``sections`` and ``tasks``.
"""

from connector.config.database import DatabaseSettings
from connector.config.errors import ConfigError, IniError
from connector.config.load import DEFAULT_FILE, Loaded, load
from connector.config.paths import PathsSettings
from connector.config.sections import (
    LoggingSettings,
    QueueSettings,
    ServerSettings,
    WorkerSettings,
)
from connector.config.settings import Settings
from connector.config.tasks import TaskSettings
from connector.config.webex import WebexSettings

__all__ = [
    "DEFAULT_FILE",
    "ConfigError",
    "DatabaseSettings",
    "IniError",
    "Loaded",
    "LoggingSettings",
    "PathsSettings",
    "QueueSettings",
    "ServerSettings",
    "Settings",
    "TaskSettings",
    "WebexSettings",
    "WorkerSettings",
    "load",
]
