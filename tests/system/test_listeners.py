"""Who listens to `/events` of a real server."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx2

from connector.aci.server import GRACE
from tests.system.conftest import Server, sqlite


@sqlite
def test_open_streams_end_with_the_server_and_do_not_hold_it_up(server: Server) -> None:
    server.keep_log = True
    server.start("serve")
    with (
        httpx2.Client(base_url=server.address, trust_env=False, timeout=30) as client,
        client.stream("GET", "/events?queue=Test") as heard,
        ThreadPoolExecutor(1) as reader,
    ):
        lines = heard.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: snapshot"
        ended = reader.submit(lambda: (list(lines), time.monotonic()))
        began = time.monotonic()
        assert server.end() == 0
        rest, at = ended.result()
        assert at - began < GRACE, "not when the time for them was up"
        assert rest[-1] == "", "ended in order, not cut off"
    assert not server.logged("Cancel")
