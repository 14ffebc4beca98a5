"""Help and the documentation say what the server does: no action and no parameter is missing."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from lxml import etree

from connector.aci import catalogue
from connector.aci.access import Access
from connector.aci.declared import COMMON, QUEUE_ACTIONS, QUEUE_INFO, STANDARD
from connector.aci.errors import AciError
from connector.aci.parameters import Parameters
from connector.aci.permissions import ACTIONS
from connector.aci.queueinfo import QueueInfo
from connector.aci.waiting import Waiting
from connector.actions import registry
from connector.actions.action import Parameter
from connector.db.engine import Database
from connector.jobs.job import NewJob
from connector.jobs.submit import submit
from connector.jobs.token import new_token
from tests.aci.serving import Echo, Face, facing, settings

DOCS = Path(__file__).parents[2] / "docs"


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


@pytest.fixture
def queue_info(lone_url: str) -> Iterator[tuple[QueueInfo, str]]:
    """QueueInfo without a socket, and the token of an action."""
    database = Database(lone_url)
    token = new_token()
    database.run(submit, [NewJob(token, "Echo", {})])
    access = Access(database, settings(lone_url))
    yield QueueInfo(access, {"Echo": Echo()}, Waiting(access)), token
    access.close()


async def _ask_everything(queue_info: QueueInfo, token: str) -> None:
    some: dict[str, Any] = {"QueueName": "Echo", "Priority": "1", "State": "Queued"}
    for verb in QUEUE_ACTIONS:
        for given in ({"Token": token}, {}, {"State": "", "Preview": "true"}):
            pairs = {**some, "QueueAction": verb, **given}
            try:
                await queue_info.answer(Spy(pairs.items()), "me")
            except AciError as error:
                assert error.parameter != "QueueAction"


def test_queueinfo_looks_at_the_parameters_it_declares_and_at_no_other(
    queue_info: tuple[QueueInfo, str],
) -> None:
    Spy.asked.clear()
    asyncio.run(_ask_everything(*queue_info))
    assert {name.casefold() for name in Spy.asked} == {
        each.name.casefold() for each in QUEUE_INFO.parameters
    }


def test_every_queue_action_is_declared(queue_info: tuple[QueueInfo, str]) -> None:
    with pytest.raises(AciError) as refused:
        asyncio.run(
            queue_info[0].answer(Parameters({"QueueAction": "x", "QueueName": "Echo"}.items()), "")
        )
    listed = refused.value.description.partition("one of ")[2].rstrip(".")
    assert listed.split(", ") == list(QUEUE_ACTIONS)


def documented() -> str:
    pages = ("actions.md", "queueinfo.md", "standard.md")
    return "\n".join((DOCS / page).read_text(encoding="utf-8") for page in pages)


def test_the_documentation_names_every_action_and_parameter_of_this_server() -> None:
    built_in = {name: registry.declared(name) for name in registry.BUILT_IN}
    fences = re.findall(r"```.*?```", documented(), re.DOTALL)
    inline = re.findall(r"`[^`]+`", re.sub(r"```.*?```", "", documented(), flags=re.DOTALL))
    words = set(re.findall(r"[\w-]+", " ".join([*fences, *inline])))
    words |= {code.strip("`") for code in inline}
    for entry in catalogue.entries(built_in):
        assert {entry.name, *entry.aliases} <= words, entry.name
        assert {each.name for each in entry.parameters} <= words, entry.name
    assert {each.name for each in COMMON} <= words and set(QUEUE_ACTIONS) <= words


def test_the_documentation_sends_no_action_that_is_not_there() -> None:
    built_in = {name: registry.declared(name) for name in registry.BUILT_IN}
    known = {entry.name for entry in catalogue.entries(built_in)} | {"X", "Name"}
    assert set(re.findall(r"/\??a(?:ction)?=(\w+)", documented())) <= known
