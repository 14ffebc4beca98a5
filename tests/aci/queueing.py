"""Asking QueueInfo, and bringing actions of the queue Echo into states."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

from connector.jobs import claim, outcomes, reading, requests
from connector.jobs.job import Job, Run
from connector.jobs.states import State
from tests import leases
from tests.aci.serving import Face

WORKER = "00000000-0000-7000-8000-00000000000a"


def ask(face: Face, verb: str, **given: str) -> ET.Element:
    data = face.get(target(verb, given))
    assert data.findtext("response") == "SUCCESS", ET.tostring(data)
    found = data.find("responsedata")
    assert found is not None
    return found


def target(verb: str, given: Mapping[str, str]) -> str:
    names = {name.replace("_", "-"): value for name, value in given.items()}
    parameters = {"QueueName": "Echo", "QueueAction": verb, **names}
    return "/action=QueueInfo&" + urlencode(parameters, quote_via=quote)


def refused(face: Face, verb: str, **given: str) -> tuple[str, str]:
    """Return the code and the sentence of an error."""
    error = face.error(target(verb, given))
    return error["errorcode"], error["errordescription"]


def told(data: ET.Element) -> dict[str, str]:
    return {
        action.findtext("token", ""): action.findtext("status", "")
        for action in data.findall("actions/action")
    }


def listed(face: Face, verb: str = "GetStatus", **given: str) -> list[str]:
    return list(told(ask(face, verb, **given)))


def counts(data: ET.Element) -> tuple[str | None, ...]:
    return tuple(data.findtext(name) for name in ("matched", "changed", "skipped"))


def job(face: Face, token: str) -> Job:
    found: dict[str, Job] = face.database.read(reading.get, [token])
    return found[token]


def running(face: Face, limit: int = 1) -> list[Run]:
    with leases.alive(face.database, WORKER):
        return face.database.run(claim.claim, "Echo", WORKER, limit)


def in_state(face: Face, state: State) -> str:
    """Return the token of a new action in a state; none may wait before."""
    token = face.token()
    database = face.database
    match state:
        case State.PAUSED:
            database.run(requests.pause, token, "test")
        case State.CANCELLED:
            database.run(requests.cancel, token, "test")
        case State.QUEUED:
            pass
        case _:
            (run,) = running(face)
            assert run.token == token
            match state:
                case State.FINISHED:
                    database.run(outcomes.finish, run, {})
                case State.FAILED:
                    database.run(outcomes.fail, run, "as asked")
                case State.STOPPED:
                    database.run(outcomes.stop, run)
    return token
