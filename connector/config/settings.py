"""All settings as one frozen value: what the rest of the program is given."""

import hashlib
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, JsonValue, TypeAdapter

from connector.config.authorization import RoleSettings
from connector.config.database import DatabaseSettings
from connector.config.handlers import HandlerSettings
from connector.config.ini import fold
from connector.config.paths import PathsSettings
from connector.config.schedule import ConnectorSettings, ScheduleSettings
from connector.config.sections import (
    LoggingSettings,
    QueueSettings,
    RetentionSettings,
    SectionModel,
    ServerSettings,
    WorkerSettings,
)
from connector.config.service import ServiceSettings
from connector.config.tasks import TaskSettings
from connector.config.tls import SslSettings
from connector.config.values import CLEAR, form_of, setting_of
from connector.config.webex import WebexSettings

SECTIONS: Mapping[str, type[SectionModel]] = {
    "Server": ServerSettings,
    "SSL": SslSettings,
    "AuthorizationRoles": RoleSettings,
    "Service": ServiceSettings,
    "Database": DatabaseSettings,
    "Paths": PathsSettings,
    "Actions": QueueSettings,
    "Worker": WorkerSettings,
    "Retention": RetentionSettings,
    "Webex": WebexSettings,
    "Logging": LoggingSettings,
    "Connector": ConnectorSettings,
    "FetchTasks": TaskSettings,
}
"""Every fixed section and its keys."""

Public = dict[str, dict[str, JsonValue]]
"""Section name → key → value, as in the file."""

_JSON = TypeAdapter(dict[str, JsonValue])


class Settings(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """The loaded configuration. Paths are absolute, secrets are ``SecretStr``, seconds floats."""

    server: ServerSettings = ServerSettings()
    ssl: SslSettings = SslSettings()
    roles: tuple[RoleSettings, ...] = ()
    service: ServiceSettings = ServiceSettings()
    database: DatabaseSettings
    paths: PathsSettings
    actions: QueueSettings = QueueSettings()
    queues: Mapping[str, QueueSettings] = {}
    worker: WorkerSettings = WorkerSettings()
    retention: RetentionSettings = RetentionSettings()
    webex: WebexSettings = WebexSettings()
    logging: LoggingSettings = LoggingSettings()
    connector: ConnectorSettings = ConnectorSettings()
    tasks: tuple[TaskSettings, ...] = ()
    handlers: tuple[HandlerSettings, ...] = ()

    def queue(self, action: str) -> QueueSettings:
        """Settings of an action's queue: its own section over ``[Actions]``. Any case."""
        wanted = fold(action)
        return next((q for name, q in self.queues.items() if fold(name) == wanted), self.actions)

    def task(self, name: str) -> TaskSettings | None:
        """The task of that name in any case, or None."""
        return next((t for t in self.tasks if t.name == name.upper()), None)

    def handler(self, name: str) -> HandlerSettings:
        """The event handler of that name in any case. Raises KeyError."""
        return {fold(handler.name): handler for handler in self.handlers}[fold(name)]

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change when what a fetch does may change.

        Made from ``[Webex]`` and the tasks, without secrets, schedules and values that are the
        default, so that a new setting of a later version leaves it as it is.
        """
        parts = [_that_matter(self.webex), *sorted(_that_matter(task) for task in self.tasks)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    def for_process(self, kind: str) -> "Settings":
        """Settings for a child process of this kind, without passwords it does not need."""
        database = self.database.for_process(kind)
        ssl, handlers = self.ssl, self.handlers
        if kind != "worker":
            handlers = tuple(h.model_copy(update={"password": None}) for h in handlers)
        if kind != "http":
            ssl = ssl.model_copy(update={"ssl_private_key_password": None})
        given = {"database": database, "ssl": ssl, "handlers": handlers}
        return self.model_copy(update=given)

    def dump_private(self) -> str:
        """JSON with secrets in clear, for a child process; read by ``handed_over``."""
        return self.model_dump_json(context={CLEAR: True})

    @classmethod
    def handed_over(cls, text: str | bytes) -> "Settings":
        """Settings that another process has loaded and dumped by ``dump_private``."""
        return cls.model_validate_json(text, context={CLEAR: True})

    def dump_public(self) -> Public:
        """Sections and keys as in the file, with secrets masked: for people."""
        public = {name: dict(pairs(getattr(self, name.lower()))) for name in _PLAIN_SECTIONS}
        public |= {name: dict(pairs(queue)) for name, queue in self.queues.items()}
        numbered: dict[str, JsonValue] = {str(n): task.name for n, task in enumerate(self.tasks)}
        public["FetchTasks"] = {"Number": len(self.tasks), **numbered}
        public["AuthorizationRoles"] = {str(n): role.name for n, role in enumerate(self.roles)}
        public |= {role.name: dict(pairs(role)) for role in self.roles}
        public |= {handler.name: dict(pairs(handler)) for handler in self.handlers}
        return public | {task.name: dict(pairs(task)) for task in self.tasks}


LISTS: Mapping[str, str] = {"FetchTasks": "TASK", "AuthorizationRoles": "ROLE"}
"""Sections that list others, each with a section of its own, to what those are."""

NAMED: Mapping[str, tuple[str, type[SectionModel]]] = {"MyHandler": ("HANDLER", HandlerSettings)}
"""Sections that have any name, by one that they may have, to what they are."""

_PLAIN_SECTIONS = [name for name in SECTIONS if name not in LISTS]


def keys(model: type[SectionModel]) -> Mapping[str, str]:
    """Field name → key, for every setting of a section: ``max_body_size`` → ``MaxBodySize``."""
    return {
        name: setting.key or "".join(part.capitalize() for part in name.split("_"))
        for name, field in model.model_fields.items()
        if (setting := setting_of(field))
    }


def pairs(section: SectionModel) -> Iterator[tuple[str, JsonValue]]:
    """Keys and values of a section, in order, with secrets masked."""
    values = _JSON.validate_json(section.model_dump_json())
    for name, key in keys(type(section)).items():
        yield key, values[name]


def _that_matter(section: SectionModel) -> str:
    secrets = {n for n, field in type(section).model_fields.items() if form_of(field).secret}
    without = secrets | set(ScheduleSettings.model_fields)
    return section.model_dump_json(exclude=without, exclude_defaults=True)
