"""Loading: file, environment and flags become one ``Settings``, or one list of problems."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from connector.config.addresses import is_loopback
from connector.config.authorization import RoleSettings
from connector.config.build import Builder
from connector.config.database import DatabaseSettings
from connector.config.errors import ConfigError
from connector.config.handler_list import build_handlers, handler_names, threshold_conflicts
from connector.config.handlers import HandlerSettings
from connector.config.include import parse, read
from connector.config.ini import Document, fold
from connector.config.paths import PathsSettings
from connector.config.role_list import (
    ROLES,
    build_roles,
    is_role_number,
    role_names,
    role_variables,
)
from connector.config.schedule import ConnectorSettings
from connector.config.sections import (
    LoggingSettings,
    QueueSettings,
    RetentionSettings,
    SectionModel,
    ServerSettings,
    WorkerSettings,
)
from connector.config.service import ServiceSettings
from connector.config.settings import SECTIONS, Settings, keys
from connector.config.sources import (
    CONFIG_VARIABLE,
    NATIVE_TOKEN,
    Given,
    Layer,
    Table,
    task_variables,
)
from connector.config.task_list import LIST, is_number, task_names
from connector.config.tasks import TASK_IN_PATH, TaskSettings
from connector.config.tls import SslSettings
from connector.config.unknown import unknown_names, unknown_variables
from connector.config.values import form_of
from connector.config.webex import WebexSettings

DEFAULT_FILE = "webex-connector.cfg"


@dataclass(frozen=True)
class Loaded:
    """A configuration and how it came about.

    ``warnings`` are sentences for people; ``sources`` maps "Section.Key" to where its value came
    from, for all that is not a default; ``files`` are the files read.
    """

    settings: Settings
    warnings: tuple[str, ...]
    sources: Mapping[str, str]
    files: tuple[str, ...]


def load(
    path: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, str],
    actions: Collection[str] = ("Fetch",),
) -> Loaded:
    """Load the configuration.

    Args:
        path: the file. None takes the one that ``CONNECTOR_CONFIG`` names, else
            ``webex-connector.cfg`` of the current folder if it is there, else defaults.
        environ: environment variables, stronger than the file.
        flags: "Section.Key" → value, stronger than both.
        actions: names of the asynchronous actions, each of which may have a section.

    Raises:
        ConfigError: with every problem found.
    """
    file = _file(path, environ)
    document = read(file) if file else Document()
    builder = Builder(Table(), file.absolute().parent if file else Path.cwd())
    return _load(builder, document, environ, flags, actions)


def load_text(text: str, name: str, actions: Collection[str] = ("Fetch",)) -> Loaded:
    """Load a configuration that somebody has sent: it reaches no file, user or environment.

    `name`: how the text is called in messages. Raises ConfigError as `load` does, also for what
    would have to be read from a file.
    """
    document = parse(text, name, folder=None)
    return _load(Builder(Table(), folder=None), document, {}, {}, actions)


def _load(
    builder: Builder,
    document: Document,
    environ: Mapping[str, str],
    flags: Mapping[str, str],
    actions: Collection[str],
) -> Loaded:
    table = builder.table
    table.put_document(document)
    for name in table.put_flags(flags):
        builder.problems.append(f"flag {name}: expected Section.Key, as in Server.Port")

    queues = [name for name in actions if fold(name) not in map(fold, SECTIONS)]
    known = _known(queues)
    listing = ["Number", *task_variables(environ)]
    variables = set(table.put_environment(environ, LIST, listing))
    variables |= set(table.put_environment(environ, ROLES, role_variables(environ)))
    variables |= set(table.put_environment(environ, "Server", ["SSLConfig"]))
    ssl = _ssl_section(table)
    if fold(ssl) not in map(fold, known):
        known[ssl] = setting_keys(SslSettings)
    roles = role_names(table, known, builder.problems)
    known |= {name: setting_keys(RoleSettings) for name in roles}
    known[ROLES] = [given.key for given in table.of(ROLES) if is_role_number(given.key)]
    tasks = task_names(table, known, builder.problems)
    known |= {name: setting_keys(TaskSettings) for name in tasks}
    known[LIST] += ["Number", *(g.key for g in table.of(LIST) if is_number(g.key))]
    for section, section_keys in known.items():
        variables |= set(table.put_environment(environ, section, section_keys))
    handlers = handler_names(table, ["Actions", *queues], known, builder.problems)
    for name in handlers:
        known[name] = setting_keys(HandlerSettings)
        variables |= set(table.put_environment(environ, name, known[name]))
    _put_native_token(table, environ)

    told = build_handlers(builder, table, handlers)
    settings = _build(builder, queues, tasks, ssl, build_roles(builder, table, roles), told)
    builder.warnings += unknown_names(table, known)
    builder.warnings += unknown_variables(environ, variables, known)
    if builder.problems or settings is None:
        raise ConfigError(dict.fromkeys(builder.problems))
    builder.warnings += _doubts(settings)
    return Loaded(settings, tuple(dict.fromkeys(builder.warnings)), builder.sources, document.files)


def setting_keys(model: type[SectionModel]) -> list[str]:
    """All keys that a section may hold, ``<Key>File`` of secrets included."""
    found: list[str] = []
    for name, key in keys(model).items():
        found += [key, key + "File"] if form_of(model.model_fields[name]).secret else [key]
    return found


def _known(queues: Collection[str]) -> dict[str, list[str]]:
    known = {name: setting_keys(model) for name, model in SECTIONS.items()}
    return known | {name: setting_keys(QueueSettings) for name in queues}


def _file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is None and environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    if path is None and Path(DEFAULT_FILE).exists():
        return Path(DEFAULT_FILE)
    return path


def _put_native_token(table: Table, environ: Mapping[str, str]) -> None:
    if token := environ.get(NATIVE_TOKEN):
        source = f"environment {NATIVE_TOKEN}"
        table.put(Given("Webex", "AccessToken", (token,), source, Layer.NATIVE))


def _ssl_section(table: Table) -> str:
    given = table.get("Server", "SSLConfig")
    return given.text.strip() if given and given.text.strip() else "SSL"


def _build(
    builder: Builder,
    queues: Collection[str],
    tasks: list[str],
    ssl_section: str,
    roles: list[RoleSettings],
    handlers: tuple[HandlerSettings, ...],
) -> Settings | None:
    data = (builder.folder or Path("/")) / "data"
    paths = builder.build(PathsSettings, ["Paths"], {"data_directory": data})
    data = paths.data_directory if paths else data
    url = SecretStr(f"sqlite:///{data / 'connector.db'}")
    server = builder.build(ServerSettings, ["Server"])
    ssl = builder.build(SslSettings, [ssl_section])
    builder.problems += ssl.conflicts(ssl_section) if ssl else []
    service = builder.build(ServiceSettings, ["Service"])
    database = builder.build(DatabaseSettings, ["Database"], {"url": url})
    builder.problems += database.conflicts() if database else []
    defaults = builder.build(QueueSettings, ["Actions"])
    own = {name: builder.build(QueueSettings, [name, "Actions"]) for name in queues}
    builder.problems += threshold_conflicts({"Actions": defaults, **own})
    worker = builder.build(WorkerSettings, ["Worker"])
    retention = builder.build(RetentionSettings, ["Retention"])
    webex = builder.build(WebexSettings, ["Webex"])
    logging = builder.build(LoggingSettings, ["Logging"])
    connector = builder.build(ConnectorSettings, ["Connector"])
    fetch = [_task(builder, name, data) for name in tasks]
    if not tasks:
        _task(builder, LIST, data)
    builder.problems += _shared_folders([task for task in fetch if task])
    if builder.problems:
        return None
    assert paths and server and database and defaults and worker and webex and logging
    assert retention and ssl and service and connector
    return Settings(
        server=server,
        ssl=ssl,
        roles=tuple(roles),
        service=service,
        database=database,
        paths=paths,
        actions=defaults,
        queues={name: queue for name, queue in own.items() if queue},
        worker=worker,
        retention=retention,
        webex=webex,
        logging=logging,
        connector=connector,
        tasks=tuple(task for task in fetch if task),
        handlers=handlers,
    )


def _task(builder: Builder, name: str, data: Path) -> TaskSettings | None:
    fixed = {"name": name, "ingest_directory": data / "documents" / TASK_IN_PATH}
    task = builder.build(TaskSettings, [name, LIST], fixed)
    if task is None:
        return None
    folder = Path(str(task.ingest_directory).replace(TASK_IN_PATH, name))
    return task.model_copy(update={"ingest_directory": folder})


def _shared_folders(tasks: list[TaskSettings]) -> list[str]:
    # Files of documents have names that repeat from task to task.
    folders = Counter(t.ingest_directory for t in tasks if t.ingester_type == "jsonl")
    return [
        f"[{task.name}] IngestDirectory is {task.ingest_directory}, as for another task: expected "
        f"a folder for each task; {TASK_IN_PATH} in it becomes the task's name"
        for task in tasks
        if task.ingester_type == "jsonl" and folders[task.ingest_directory] > 1
    ]


def _doubts(settings: Settings) -> Iterator[str]:
    webex, server = settings.webex, settings.server
    parts = urlsplit(webex.base_url)
    if webex.access_token and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield "[Webex] BaseURL is http: the access token travels in clear; use https"
    in_clear = settings.ssl.ssl_certificate is None and not server.trusted_proxies
    if in_clear and not is_loopback(server.host):
        yield (
            f"[Server] Host is {server.host}, and there is no [SSL] SSLCertificate: requests "
            "and API keys travel in clear"
        )
