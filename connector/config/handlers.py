"""Event handlers: who is told of what happens to actions and queues, and how."""

from pathlib import Path, PurePath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from connector.config.model import SectionModel
from connector.config.values import Form, Fraction, Seconds, Setting, ShownAsMask, Whole, Word

TEXT_FILE, HTTP, PYTHON = "textfilehandler", "httphandler", "pythonhandler"

_LIBRARIES = {kind.casefold(): kind for kind in ("TextFileHandler", "HttpHandler", "PythonHandler")}
_ONE_OF = "one of TextFileHandler, HttpHandler, PythonHandler"


def _library(value: str) -> str:
    kind = value.strip().casefold()
    if kind == "luahandler":
        raise ValueError("there is no Lua here; expected PythonHandler, with EntryPoint")
    if kind and kind not in _LIBRARIES:
        raise ValueError(f"expected {_ONE_OF}")
    return kind


def _file(value: str) -> str:
    path = PurePath(value.strip())
    if path.is_absolute() or ".." in path.parts or value.strip().endswith("/"):
        raise ValueError("expected a file inside [Paths] EventDirectory, such as events.jsonl")
    return str(path) if value.strip() else ""


def _url(value: str) -> str:
    text = value.strip()
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        right = False
    if text and not right:
        raise ValueError("expected a URL such as https://example.com/events")
    if "@" in parts.netloc:
        raise ValueError("expected no user and password in the URL: set UserName and Password")
    return text


def _on(event: str) -> Setting:
    return Setting(f"Section of the handler that is told when {event}.", example="MyHandler")


class EventSettings(SectionModel, frozen=True):
    """The keys of a queue about its events."""

    on_start: Annotated[str, _on("an action starts")] = ""
    on_finish: Annotated[str, _on("an action has finished")] = ""
    on_error: Annotated[str, _on("an action has failed, or was stopped or cancelled")] = ""
    on_error_report: Annotated[
        str, _on("an action that finishes has met errors on its way and gone on")
    ] = ""
    on_queue_event: Annotated[
        str, _on("the queue has become full or empty, or passes a threshold on the way there")
    ] = ""
    queue_filling_threshold: Annotated[
        Fraction,
        Field(gt=0, le=1),
        Setting("`QueueFilling` is told above this part of MaxQueueSize."),
    ] = 0.8
    queue_emptying_threshold: Annotated[
        Fraction,
        Field(gt=0, le=1),
        Setting("`QueueEmptying` is told below this part of MaxQueueSize, after it had filled."),
    ] = 0.5

    def threshold_conflicts(self, section: str) -> list[str]:
        """Return what is wrong with the keys together; `section`: the queue's name."""
        if self.queue_emptying_threshold < self.queue_filling_threshold:
            return []
        return [
            f"[{section}] QueueEmptyingThreshold is {self.queue_emptying_threshold:g}: expected "
            f"less than QueueFillingThreshold, which is {self.queue_filling_threshold:g}"
        ]


class HandlerSettings(SectionModel, frozen=True):
    """An event handler: a section of any name that `OnStart`, `OnFinish`, `OnError`,
    `OnErrorReport` or `OnQueueEvent` of a queue names.

    More on the page about [events](events.md).
    """

    name: str = ""
    library_name: Annotated[
        str,
        AfterValidator(_library),
        Form(_ONE_OF),
        Setting(
            "How it is told: by a line of a text file, an HTTP request, or a function that an "
            "installed package has.",
            example="HttpHandler",
        ),
    ] = ""
    file_path: Annotated[
        str,
        AfterValidator(_file),
        Form("a file inside [Paths] EventDirectory"),
        Setting(
            "TextFileHandler: the file to which events are appended, made when missing.",
            example="events.jsonl",
        ),
    ] = ""
    url: Annotated[
        str,
        AfterValidator(_url),
        Form("a URL"),
        Setting(
            "HttpHandler: where events are posted.", key="URL", example="https://example.com/events"
        ),
    ] = ""
    user_name: Annotated[
        str, Setting("HttpHandler: user for Basic authentication.", example="connector")
    ] = ""
    password: Annotated[
        SecretStr | None,
        ShownAsMask,
        Form("a password", secret=True),
        Setting("HttpHandler: the password of UserName.", example="password-of-the-user"),
    ] = None
    ssl_ca_certificate: Annotated[
        Path | None,
        Form("a file", path=True),
        Setting(
            "HttpHandler: file with certificates (PEM) of the authorities that vouch for the "
            "target, if not those that this machine trusts.",
            key="SSLCACertificate",
            example="/etc/webex-connector/targets.pem",
        ),
    ] = None
    entry_point: Annotated[
        str,
        Setting(
            "PythonHandler: name of an entry point in the group `webex_connector.event_handlers`.",
            example="my_handler",
        ),
    ] = ""
    format: Annotated[
        Literal["", "xml", "json", "simplejson"],
        Word,
        Form("one of xml, json, simplejson"),
        Setting(
            "Form of the text: `xml` unless set, and `simplejson`, a line each, in a text file.",
            example="simplejson",
        ),
    ] = ""
    timeout_seconds: Annotated[
        Seconds,
        Field(gt=0, le=300),
        Setting("Longest that a target may take for one event.", "seconds"),
    ] = 10.0
    retry_interval: Annotated[
        Seconds,
        Field(gt=0, le=86400),
        Setting(
            "Pause before an event is tried again; it doubles each time, up to an hour.", "seconds"
        ),
    ] = 1.0
    retries: Annotated[
        Whole,
        Field(ge=0, le=1_000_000),
        Setting("How often an event is tried again before it is given up. 0: any number."),
    ] = 0
    give_up_seconds: Annotated[
        Seconds,
        Field(gt=0, le=31536000),
        Setting("An event that is older, and has been tried, is given up.", "seconds"),
    ] = 86400.0

    def conflicts(self) -> list[str]:
        """Return what is wrong with the keys together."""
        missing = {
            "": ("LibraryName", _ONE_OF),
            TEXT_FILE: ("" if self.file_path else "FilePath", "the file to write to"),
            HTTP: ("" if self.url else "URL", "where to send events"),
            PYTHON: ("" if self.entry_point else "EntryPoint", "the name of an entry point"),
        }
        key, what = missing[self.library_name]
        found = [f"[{self.name}] has no {key}: expected {what}"] if key else []
        if (self.password is None) != (not self.user_name):
            found.append(f"[{self.name}] has one of UserName and Password: expected both or none")
        return found

    @property
    def form(self) -> str:
        """The format in which the handler is told."""
        return self.format or ("simplejson" if self.library_name == TEXT_FILE else "xml")

    def pause(self, attempts: int) -> float:
        """Seconds to wait after so many deliveries of an event have failed."""
        longest = max(3600.0, self.retry_interval)
        return float(min(longest, self.retry_interval * 2.0 ** min(max(0, attempts - 1), 30)))
