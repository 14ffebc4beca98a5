"""The client against a real server with workers, and one without."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector.client import Client, NotFinished, Refused, Status, TimeIsUp, Unanswered, Unreachable
from connector.client.status import FINAL, status_of
from tests.aci.serving import Face, facing
from tests.client.conftest import Rote
from tests.commands import SECONDS
from tests.conftest import fresh_url
from tests.proxy import Proxy
from tests.system.conftest import Server, eventually

ECHO = {"To": "you"}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that runs the actions of tests."""
    tmp_path = request.getfixturevalue("tmp_path")
    made = Server(fresh_url("sqlite", request, tmp_path, migrated=True), tmp_path)
    made.start("serve", CONNECTOR_ACTIONS_MAXIMUMTHREADS="1")
    yield made
    assert made.end() == 0
    made.database.close()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.address) as opened:
        yield opened


@pytest.fixture
def idle(request: pytest.FixtureRequest) -> Iterator[Face]:
    """A server without workers: what it stores stays queued."""
    url = fresh_url("sqlite", request, request.getfixturevalue("tmp_path"), migrated=True)
    with facing(url) as running:
        yield running


@pytest.fixture
def waiting(idle: Face) -> Iterator[Client]:
    """A client of the server without workers."""
    with Client(f"http://127.0.0.1:{idle.port}") as opened:
        yield opened


def test_an_action_is_followed_from_queued_to_its_results(server: Server, client: Client) -> None:
    token = client.submit("Test", {"Do": "wait_for_file", "Trace": str(server.trace)})
    seen: list[Status] = []

    def progress(status: Status) -> None:
        seen.append(status)
        if status.word == "Processing":
            (server.folder / "trace.go").touch()

    ended = client.wait("test", token, timeout=SECONDS, progress=progress)
    assert (ended.word, ended.token, ended.error) == ("Finished", token, None)
    assert ended.ended and ended.finished and ended.seconds is not None
    assert seen[-1] == ended and "Processing" in [status.word for status in seen]


def test_progress_is_told_by_name_while_it_runs_and_a_stop_ends_it(client: Client) -> None:
    token = client.submit("Test", {"Do": "progress_then_silence"})
    with pytest.raises(TimeIsUp) as caught:
        client.wait("Test", token, timeout=1)
    assert caught.value.status is not None and caught.value.status.word == "Processing"
    eventually("progress", lambda: client.status("Test", token).progress == {"step": "3"})
    with pytest.raises(NotFinished) as early:
        client.results("Test", token)
    assert early.value.retryable
    assert client.stop("Test", token) == "Processing"
    assert client.wait("Test", token, timeout=SECONDS).word == "Stopped"


def test_a_result_that_is_cut_is_fetched_whole(rote: Rote) -> None:
    note = '<result_note queueaction="GetResults" size="9">cut</result_note>'
    first = f"<status>Finished</status><a>1</a>{note}<token>t</token>"
    rote.success(f"<actions><action>{first}</action></actions>")
    rote.success("<a>1</a><a>2</a><token>theirs</token>")
    with Client(rote.url) as client:
        found = client.results("Test", "t")
    assert [(x.tag, x.text) for x in found] == [("a", "1"), ("a", "2"), ("token", "theirs")]
    asked = {"QueueName": "Test", "Token": "t", "action": "QueueInfo"}
    assert rote.sent == [{**asked, "QueueAction": verb} for verb in ("GetStatus", "GetResults")]
    whole = status_of(ET.fromstring("<action><status>Finished</status><a>1</a></action>"))
    assert not whole.cut and status_of(ET.fromstring(f"<action>{first}</action>")).cut


def test_results_are_elements_and_those_of_a_failure_are_its_reason(client: Client) -> None:
    done, failed = (client.submit("Test", {"Do": do}) for do in ("nothing", "error"))
    assert client.wait("Test", done, timeout=SECONDS).finished
    assert [(x.tag, x.text) for x in client.results("Test", done)] == [("did", "nothing")]
    ended = client.wait("Test", failed, timeout=SECONDS)
    assert (ended.word, ended.finished) == ("Error", False)
    assert "as asked" in (ended.error or "")
    with pytest.raises(NotFinished, match="as asked") as caught:
        client.results("Test", failed)
    assert caught.value.status.word == "Error" and not caught.value.retryable


def test_a_wait_outlives_a_server_that_is_away(server: Server) -> None:
    port = int(server.address.rstrip("/").rpartition(":")[2])
    with Proxy(port) as proxy, Client(f"http://127.0.0.1:{proxy.port}/") as client:
        token = client.submit("Test", {"Do": "wait_for_file", "Trace": str(server.trace)})
        with ThreadPoolExecutor(1) as waiter:
            ended = waiter.submit(client.wait, "Test", token, timeout=SECONDS)
            eventually("it runs", lambda: server.traced("start"))
            proxy.cut()
            with pytest.raises((Unanswered, Unreachable)):
                client.status("Test", token)
            with pytest.raises((Unanswered, Unreachable)):
                client.wait("Test", token, patience=0.1)
            (server.folder / "trace.go").touch()
            eventually("it ended", lambda: server.traced("end"))
            assert not ended.done()
            proxy.open()
            assert ended.result(SECONDS).finished


def test_what_waits_is_cancelled_and_its_queue_is_listed_newest_first(waiting: Client) -> None:
    tokens = [waiting.submit("echo", ECHO) for _ in range(3)]
    assert [status.token for status in waiting.listing("Echo")] == tokens[::-1]
    assert [status.token for status in waiting.listing("Echo", most=1)] == tokens[-1:]
    assert waiting.cancel("Echo", tokens[0]) == "Cancelled"
    assert waiting.cancel("Echo", tokens[0]) == "Cancelled", "repeating it is a success"
    assert waiting.stop("ECHO", tokens[1]) == "Cancelled"
    assert [status.word for status in waiting.listing("Echo")] == [
        "Queued",
        "Cancelled",
        "Cancelled",
    ]


def test_a_wait_comes_to_its_limit_and_the_action_stays(waiting: Client) -> None:
    token = waiting.submit("Echo", ECHO)
    for timeout in (0.0, 0.3):
        with pytest.raises(TimeIsUp, match=f"within {timeout:g} s; it goes on") as caught:
            waiting.wait("Echo", token, timeout=timeout)
        assert caught.value.status is not None and caught.value.status.word == "Queued"


@pytest.mark.parametrize(
    ("ask", "code", "number"),
    [
        (lambda client: client.ask("Nonsense"), "ERRORNOTIMPLEMENTED", 1),
        (lambda client: client.submit("Echo"), "ERRORPARAMMISSING", 501),
        (lambda client: client.status("Echo", "nonsense"), "ERRORPARAMINVALID", 502),
        (lambda client: client.listing("Nowhere"), "ERRORQUEUEUNKNOWN", 510),
        (lambda client: client.wait("Echo", UNKNOWN), "ERRORTOKENUNKNOWN", 511),
    ],
)
def test_a_real_refusal_has_the_servers_code_and_number(
    waiting: Client, ask: Callable[[Client], object], code: str, number: int
) -> None:
    with pytest.raises(Refused) as caught:
        ask(waiting)
    assert (caught.value.code, caught.value.number) == (code, number)
    assert not caught.value.retryable


UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("verb", ["cancel", "stop", "pause", "resume", "retry"])
def test_each_verb_is_sent_by_its_name_and_returns_the_new_word(rote: Rote, verb: str) -> None:
    rote.success("<actions><action><status>Queued</status></action></actions>")
    with Client(rote.url) as client:
        assert getattr(client, verb)("Fetch", "t") == "Queued"
    expected = {"action": "QueueInfo", "QueueName": "Fetch", "Token": "t"}
    assert rote.sent == [{**expected, "QueueAction": verb.capitalize()}]


@pytest.mark.parametrize("verb", ["status", "results", "cancel", "stop", "pause", "retry", "wait"])
def test_an_empty_token_never_means_the_whole_queue(waiting: Client, verb: str) -> None:
    with pytest.raises(ValueError, match="a token is wanted"):
        getattr(waiting, verb)("Echo", " ")


def test_what_was_paused_or_cancelled_goes_on_when_it_is_told_to(waiting: Client) -> None:
    token = waiting.submit("Echo", ECHO)
    assert waiting.pause("Echo", token) == "Paused"
    assert waiting.resume("Echo", token) == "Queued"
    waiting.cancel("Echo", token)
    with pytest.raises(Refused) as caught:
        waiting.pause("Echo", token)
    assert caught.value.code == "ERRORSTATE"
    assert waiting.retry("Echo", token) == "Queued"


def test_the_server_does_the_waiting_where_it_can(
    waiting: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = waiting.submit("Echo", ECHO)
    asked: list[float] = []

    def status(queue: str, token: str, *, wait: int = 0) -> Status:
        asked.append(wait)
        return Client.status(waiting, queue, token, wait=wait)

    monkeypatch.setattr(waiting, "status", status)
    with ThreadPoolExecutor(1) as waiter:
        ended = waiter.submit(waiting.wait, "Echo", token, timeout=SECONDS)
        with pytest.raises(TimeoutError):
            ended.result(1)
        waiting.cancel("Echo", token)
        assert ended.result(SECONDS).word == "Cancelled"
    assert asked == [0, 8], "it looks once, and then is told"


@pytest.mark.parametrize("word", sorted(FINAL))
def test_a_wait_asks_the_server_to_wait_and_ends_at_every_final_word(rote: Rote, word: str) -> None:
    for status in ("Queued", "Paused", "Processing", word):
        rote.success(f"<actions><action><status>{status}</status></action></actions>")
    with Client(rote.url) as client:
        assert client.wait("Fetch", "t", timeout=SECONDS).word == word
        assert client.wait("Fetch", "t").word == word
    first, *others, last = [int(sent.get("Wait", 0)) for sent in rote.sent]
    assert (first, last) == (0, 0), "the first look is for what is so already"
    assert others == [8, 8, 8]
