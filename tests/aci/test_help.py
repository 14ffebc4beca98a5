"""Help and the documentation say what the server does: no action and no parameter is missing."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from lxml import etree

from connector.aci import catalogue
from connector.aci.access import Access
from connector.aci.declared import COMMON, QUEUE_ACTIONS, QUEUE_INFO, STANDARD
from connector.aci.errors import AciError, Code
from connector.aci.parameters import Parameters
from connector.aci.permissions import ACTIONS
from connector.aci.queueinfo import QueueInfo
from connector.aci.reply import Outcome, Reply
from connector.aci.verbs import VERBS
from connector.aci.waiting import Waiting
from connector.actions.action import Parameter
from connector.db.engine import Database
from connector.jobs.job import NewJob
from connector.jobs.submit import submit
from connector.jobs.token import new_token
from tests.aci.serving import Echo, Face, facing, settings


class Odd(Echo):
    name = "Odd"
    help: ClassVar[str] = "<script>alert(1)</script>"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter('"><b>', "Says & means."),
        Parameter("Pin", "Hidden.", secret=True),
    )


class Spy(Parameters):
    """Parameters that remember what they were asked for."""

    asked: ClassVar[set[str]] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: Any = None, /) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def text_of(element: Any) -> str:
    return "".join(element.itertext())


def sections(page: str) -> dict[str, list[list[str]]]:
    """Return the rows of the table under each heading."""
    found: dict[str, list[list[str]]] = {}
    for element in etree.HTML(page).findall("body/*"):
        if element.tag == "h2":
            found[heading := text_of(element)] = []
        elif element.tag == "table":
            rows = element.findall(".//tr")[1:]
            found[heading] = [[text_of(cell) for cell in row] for row in rows]
    return found


def help_of(face: Face) -> str:
    reply = face.client.get("/action=Help")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    return reply.text


def test_help_lists_every_action_that_is_answered_and_each_parameter(lone_face: Face) -> None:
    found = sections(help_of(lone_face))
    status = lone_face.get("/action=GetStatus").findall("responsedata/actions/action")
    assert {each.get("action") for each in status} | {"Parameters of every action"} == set(found)
    told = {name: [row[0] for row in rows] for name, rows in found.items()}
    assert told["Echo"][:6] == ["Word", "Times", "Loud", "Tone", "To", "Pin"]
    assert found["Echo"][3] == ["Tone", "Calm, Angry", "", "How to say it."]
    assert found["Echo"][4][2] == "required" and found["Echo"][1][2] == "1"
    assert "Secret" in found["Echo"][5][3]
    assert told["Parameters of every action"] == [each.name for each in COMMON]
    for action in (QUEUE_INFO, *STANDARD):
        assert told[action.name] == [each.name for each in action.parameters]
        assert action.name in found and action.help


def test_names_that_outside_actions_chose_are_text_and_nothing_else(lone_url: str) -> None:
    with facing(lone_url, actions={"Odd": Odd()}) as face:
        page = help_of(face)
    assert "<script>" not in page and "<b>" not in page
    assert sections(page)["Odd"][0] == ['"><b>', "a text", "", "Says & means."]


def test_help_and_what_it_lists_want_the_roles_that_are_told(lone_face: Face) -> None:
    page = help_of(lone_face)
    for entry in catalogue.entries({}):
        assert f"It wants the role {entry.role}" in page
        assert {entry.name.casefold(), *map(str.casefold, entry.aliases)} <= set(ACTIONS)


@dataclass(frozen=True)
class Bare:
    """QueueInfo without a socket, and its database."""

    queue_info: QueueInfo
    database: Database

    def ask(self, **given: str) -> Reply | AciError:
        """Return the answer or the error, noting which parameters were looked at."""
        try:
            return asyncio.run(self.queue_info.answer(Spy(given.items()), "me"))
        except AciError as error:
            return error

    def token(self) -> str:
        """Store an action and return its token."""
        token = new_token()
        self.database.run(submit, [NewJob(token, "Echo", {})])
        return token


@pytest.fixture
def bare(lone_url: str) -> Iterator[Bare]:
    database = Database(lone_url)
    access = Access(database, settings(lone_url))
    yield Bare(QueueInfo(access, {"Echo": Echo()}, Waiting(access)), database)
    access.close()


SOME = {"QueueName": "Echo", "Priority": "1"}
GIVEN: dict[str, dict[str, str]] = {
    "one": {"Token": "…"},
    "many": {"State": "Queued"},
    "preview": {"State": "Queued", "Preview": "true"},
    "queue": {},
}
"""How a queue action may be asked, and by which parameters besides `SOME`."""

ABOUT_ONE = {"Duplicate", "Why", "GetResults"}
NEVER_ABOUT_ALL = {"Cancel", "Retry", "ChangePriority"}
"""Queue actions that want a token always, or one unless a filter chooses."""


def _expected(verb: str, way: str) -> Code | None:
    """Return the error with which a queue action answers when it is asked in a way, if any."""
    if way != "one" and verb in ABOUT_ONE or way == "queue" and verb in NEVER_ABOUT_ALL:
        return Code.PARAM_MISSING
    if verb == "GetResults":
        return Code.STATE  # what waits has none yet
    return None


def _ask_everything(bare: Bare) -> None:
    for verb in QUEUE_ACTIONS:
        for way, given in GIVEN.items():
            asked = {**SOME, **given, "QueueAction": verb}
            if way == "one":
                asked["Token"] = bare.token()
            answer = bare.ask(**asked)
            if isinstance(answer, AciError):
                assert (answer.code, answer.parameter) == (_expected(verb, way), "Token"), asked
                continue
            assert _expected(verb, way) is None, asked
            assert (answer.action, answer.outcome) == ("QueueInfo", Outcome.SUCCESS), asked
            assert ("preview" in answer.data) == (way == "preview" and verb in VERBS), asked


def test_queueinfo_looks_at_the_parameters_it_declares_and_at_no_other(
    bare: Bare,
) -> None:
    Spy.asked.clear()
    _ask_everything(bare)
    assert {name.casefold() for name in Spy.asked} == {
        each.name.casefold() for each in QUEUE_INFO.parameters
    }


def test_every_queue_action_is_declared(bare: Bare) -> None:
    refused = bare.ask(QueueAction="x", QueueName="Echo")
    assert isinstance(refused, AciError)
    listed = refused.description.partition("one of ")[2].rstrip(".")
    assert listed.split(", ") == list(QUEUE_ACTIONS)
