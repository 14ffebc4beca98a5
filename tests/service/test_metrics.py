"""What `/metrics` tells of a host's processes and of the cluster's queues."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from connector.sandbox.process import SandboxProcess
from tests import roles
from tests.commands import Program, checkout
from tests.conftest import fresh_url
from tests.service.conftest import Service, service_of


def eventually(what: str, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"did not happen within {seconds} s: {what}"
        time.sleep(0.05)
    return value


def holds(service: Service, series: str, value: float) -> bool:
    return service.metrics()[series] == value


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(rooms=3, messages=40, files=2, throttle_every=10, retry_after=0) as running:
        yield running


def ended(service: Service, queue: str, token: str) -> str:
    """Wait until an action has ended, and return its last word."""

    def status() -> str:
        word = service.serving.status(queue, token).findtext("status", "")
        return "" if word in ("Queued", "Processing") else word

    word: str = eventually(f"{token} ends", status)
    return word


def test_a_fetch_is_counted_where_it_was_taken_claimed_run_and_asked_webex(
    program: Program, sandbox: SandboxProcess
) -> None:
    settings = {
        "SERVICE_SERVICEPORT": "0",
        "WEBEX_BASEURL": sandbox.base_url,
        "WEBEX_ACCESSTOKEN": sandbox.token,
        "FETCHTASKS_0": "ONE",
    }
    with program.running("serve", **settings) as serving:
        service = service_of(serving)
        token = serving.ask("Fetch", FetchAction="Synchronize").findtext("token", "")
        assert ended(service, "Fetch", token) == "Finished"
        seen = service.metrics()
        assert seen['aci_requests_total{action="FETCH",response="SUCCESS"}'] == 1
        assert seen['claims_total{queue="Fetch"}'] == 1
        assert seen['outcomes_total{queue="Fetch",state="finished",verb="finish"}'] == 1
        assert seen['attempts_bucket{le="1",queue="Fetch"}'] == 1
        assert seen['run_seconds_count{queue="Fetch"}'] == 1
        assert 0 < seen['run_seconds_sum{queue="Fetch"}'] < 30
        assert seen['wait_seconds_count{queue="Fetch"}'] == 1
        asked = sandbox.requests()["statuses"]
        assert asked["429"] > 0
        for status, times in asked.items():
            assert seen[f'webex_calls_total{{status="{status}"}}'] == times
        assert seen["webex_call_seconds_count"] == sum(asked.values())
        assert seen['process_resident_bytes{process="worker 1"}'] > 1 << 20
        assert seen['process_resident_bytes{process="slots"}'] > 1 << 20
        assert seen["slots"] in (1, 2), "one that ran it, and perhaps one that stands by"


def test_the_text_is_what_prometheus_reads_and_says_what_must_not_be_summed(
    service: Service,
) -> None:
    service.serving.ask("GetVersion")
    answer = service.get("metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert families["webex_connector_aci_requests"].type == "counter"
    assert families["webex_connector_aci_request_seconds"].type == "histogram"
    of_cluster = [name for name in families if name.startswith("webex_connector_cluster_queue_")]
    assert of_cluster[0] == "webex_connector_cluster_queue_age_seconds"
    for name in of_cluster:
        assert "take the max over hosts" in families[name].documentation
    assert not [name for name in service.metrics("host") if name.startswith("cluster_")]
    assert {name.partition("_")[0] for name in service.metrics("cluster")} == {"cluster"}
    assert service.get("metrics?part=all").status_code == 400


def test_no_count_goes_down_when_a_process_is_killed(service: Service) -> None:
    version = 'aci_requests_total{action="GETVERSION",response="SUCCESS"}'
    service.serving.ask("GetVersion")
    before = service.metrics("host")
    assert before[version] == 1
    psutil.Process(int(before['process_pid{process="http 1"}'])).send_signal(signal.SIGKILL)

    def begun_again() -> bool:
        try:
            now = service.metrics("host")
        except (httpx2.HTTPError, AssertionError):
            return False
        return now['process_pid{process="http 1"}'] != before['process_pid{process="http 1"}']

    eventually("another http process is there", begun_again)
    service.serving.ask("GetVersion")
    now = service.metrics("host")
    assert now[version] == 2
    assert now['process_starts_total{process="http 1"}'] == 2
    assert now['process_starts_total{process="worker 1"}'] == 1


def test_an_unknown_action_is_counted_under_no_name_of_its_own(service: Service) -> None:
    for number in range(3):
        wrong = service.serving.url + f"action=Made-Up-{number}"
        assert httpx2.get(wrong, trust_env=False).status_code == 200
    assert service.metrics("host")['aci_requests_total{action="none",response="ERROR"}'] == 3


def test_requests_that_are_refused_before_they_are_read_are_counted_by_reason(
    service: Service,
) -> None:
    foreign = {"Host": "evil.example"}
    assert httpx2.get(service.serving.url + "a=GetPid", headers=foreign, trust_env=False)
    assert service.get("metrics", Origin="https://evil.example").status_code == 403
    seen = service.metrics("host")
    assert seen['refusals_total{reason="host"}'] == seen['refusals_total{reason="origin"}'] == 1
    assert seen['refusals_total{reason="role"}'] == 0


@pytest.mark.parametrize("engine", ["postgresql"])
def test_two_hosts_tell_the_same_of_the_queues_and_each_its_own_of_the_rest(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = fresh_url(engine, request, tmp_path, migrated=True)
    urls = roles.granted(url)
    logins = {"DATABASE_HTTPURL": urls["http"], "DATABASE_WORKERURL": urls["worker"]}
    services = []
    with ExitStack() as stack:
        for host in ("a", "b"):
            (tmp_path / host).mkdir()
            program = checkout(tmp_path / host)
            settings = {"DATABASE_URL": url, "SERVICE_SERVICEPORT": "0", "SERVER_WORKERS": "0"}
            running = program.running("serve", FETCHTASKS_0="ONE", **settings, **logins)
            services.append(service_of(stack.enter_context(running)))
        for _ in range(3):
            services[0].serving.ask("Fetch", FetchAction="Synchronize")
        depth = 'cluster_queue_actions{queue="Fetch",state="queued"}'
        for service in services:
            eventually("the figures are fresh", partial(holds, service, depth, 3))
            for path in ("readyz", "healthz/queues"):
                assert service.get(path).status_code == 200
        taken = 'aci_requests_total{action="FETCH",response="SUCCESS"}'
        assert [service.metrics().get(taken, 0) for service in services] == [3, 0]
