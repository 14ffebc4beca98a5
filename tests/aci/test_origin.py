"""What a foreign web page has a browser send is refused, and counted."""

import httpx2
import pytest

from connector.aci.origin import Origins
from connector.config import Settings
from tests.aci.serving import Face, facing, settings
from tests.conftest import fresh_url

PID = "/action=GetPid"
APP = "https://app.example.com"


def refused(reply: httpx2.Response) -> bool:
    return "ERRORFOREIGN" in reply.text


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:99", "localhost:7023", "LOCALHOST.", "[::1]:80", "127.8.9.1", ""],
)
def test_a_host_that_is_this_machine_is_answered(lone_face: Face, host: str) -> None:
    assert "SUCCESS" in lone_face.client.get(PID, headers={"Host": host}).text


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "10.0.0.1", "a b", "@localhost", "x:y", "::"]
)
def test_a_foreign_host_is_refused_on_loopback_too(lone_face: Face, host: str) -> None:
    assert refused(lone_face.client.get(PID, headers={"Host": host}))
    assert lone_face.refusals.counts()["host"] == 1


def test_two_hosts_are_refused(lone_face: Face) -> None:
    got = lone_face.raw(
        b"GET /action=GetPid HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    )
    assert b"ERRORFOREIGN" in got


def test_a_request_of_http_1_0_may_have_no_host(lone_face: Face) -> None:
    assert b"SUCCESS" in lone_face.raw(b"GET /action=GetPid HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": APP},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "Cross-Site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_what_a_foreign_page_sends_is_refused(lone_face: Face, headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        reply = lone_face.client.request(method, "/?action=Echo&To=you", headers=headers)
        assert refused(reply)
        assert "access-control-allow-origin" not in reply.headers
    assert lone_face.refusals.counts()["origin"] == 2
    listed = lone_face.get("/action=QueueInfo&QueueName=Echo&QueueAction=GetStatus")
    assert not listed.findall("responsedata/actions/action"), "nothing was stored"


def test_an_own_page_and_what_a_user_types_are_answered(lone_face: Face) -> None:
    own = str(lone_face.client.base_url).rstrip("/")
    for headers in (
        {"Origin": own, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
    ):
        assert "SUCCESS" in lone_face.client.get(PID, headers=headers).text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/events"])
def test_what_is_no_action_is_refused_by_status(lone_face: Face, path: str) -> None:
    reply = lone_face.client.get(path, headers={"Origin": APP})
    assert reply.status_code == 403
    assert refused(reply)


def test_a_refusal_comes_in_the_format_asked_for(lone_face: Face) -> None:
    reply = lone_face.client.get(PID + "&ResponseFormat=json", headers={"Origin": APP})
    assert reply.status_code == 200
    error = reply.json()["autnresponse"]["responsedata"]["error"]
    assert error["errorid"]["$"] == "WEBEXCONNECTORGETPID532"
    reply = lone_face.client.get(PID + "&ResponseFormat=nonsense", headers={"Origin": APP})
    assert refused(reply)


def test_the_connection_goes_on_after_a_refusal_with_a_body(lone_face: Face) -> None:
    for size in (10, 1 << 20):
        content = b"action=Echo&To=" + b"y" * size
        assert refused(lone_face.client.post("/", content=content, headers={"Origin": APP}))
    assert lone_face.token()


@pytest.fixture
def open_face(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Face:
    """A face that answers pages of one origin."""
    url = fresh_url("sqlite", request, tmp_path_factory.mktemp("open"), migrated=True)
    face = facing(url, CONNECTOR_SERVICE_ACCESS_CONTROL_ALLOW_ORIGIN=APP)
    request.addfinalizer(lambda: face.__exit__(None, None, None))
    return face.__enter__()


def test_a_named_origin_is_answered_and_may_read_the_answer(open_face: Face) -> None:
    headers = {"Origin": APP, "Sec-Fetch-Site": "cross-site"}
    reply = open_face.client.get(PID, headers=headers)
    assert "SUCCESS" in reply.text
    assert reply.headers["access-control-allow-origin"] == APP
    assert reply.headers["vary"] == "Origin"
    other = open_face.client.get(PID, headers={"Origin": "https://other.example.com"})
    assert refused(other)
    assert other.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in other.headers


def test_a_preflight_is_answered_for_a_named_origin_alone(open_face: Face) -> None:
    asked = {
        "Origin": APP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, idempotency-key, x\ty",
        "Access-Control-Request-Private-Network": "true",
    }
    reply = open_face.client.options("/", headers=asked)
    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == APP
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-headers"] == "authorization, idempotency-key"
    assert reply.headers["access-control-allow-private-network"] == "true"
    reply = open_face.client.options("/", headers={**asked, "Origin": "https://other.example.com"})
    assert reply.status_code == 403
    assert refused(reply)


def hosts(**environment: str) -> Settings:
    return settings("sqlite:////nowhere/x.db", **environment)


def foreign(origins: Origins, host: str) -> bool:
    return origins.foreign_host({b"host": [host.encode()]}) is not None


def test_more_names_are_given_by_the_settings() -> None:
    origins = Origins(hosts(CONNECTOR_SERVER_HOSTNAMES="connector.example.com,other"))
    assert not foreign(origins, "Connector.Example.com:7023")
    assert not foreign(origins, "other")
    assert foreign(origins, "example.com")


def test_who_listens_elsewhere_answers_by_any_address_but_not_by_any_name() -> None:
    origins = Origins(hosts(CONNECTOR_SERVER_HOST="0.0.0.0"))
    assert not foreign(origins, "10.1.2.3:7023")
    assert not foreign(origins, "[fe80::1]")
    assert foreign(origins, "evil.example")


def test_a_star_answers_everybody() -> None:
    origins = Origins(hosts(CONNECTOR_SERVICE_ACCESS_CONTROL_ALLOW_ORIGIN="*"))
    assert not foreign(origins, "evil.example")
    headers = {b"host": [b"x"], b"origin": [b"https://evil.example"]}
    assert origins.foreign_origin("http", headers, by_proxy=False) is None
    assert origins.allowed(headers) == [(b"access-control-allow-origin", b"*")]


def test_behind_a_trusted_proxy_that_speaks_tls_an_own_page_is_known() -> None:
    origins = Origins(hosts(CONNECTOR_SERVER_HOSTNAMES="connector.example.com"))
    headers = {b"host": [b"connector.example.com"], b"origin": [b"https://connector.example.com"]}
    assert origins.foreign_origin("http", headers, by_proxy=True) is None
    assert origins.foreign_origin("http", headers, by_proxy=False)
