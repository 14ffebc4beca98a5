"""How fast Synchronize delivers, and how much memory the processes take while they do."""

import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from benchmarks.server import memory, serving
from connector.sandbox.process import SandboxProcess

MESSAGES = 10_000
ROOMS = 50
FILE_SIZE = 20_000


def run(rounds: int = 3) -> None:
    """Print documents a second from token to Finished, and the memory, of each round."""
    rates = []
    print(f"fetch: {MESSAGES:,} messages in {ROOMS} rooms, every 10th with a file of 20 KB,")
    print("100 a page, sandbox of its own without throttling, SQLite, jsonl, every page synced")
    for _ in range(rounds):
        rates.append(_round())
    print(f"  median {median(rates):,.0f} documents/s (target 1,500)")


def _round() -> float:
    with (
        tempfile.TemporaryDirectory() as name,
        SandboxProcess(
            rooms=ROOMS, messages=MESSAGES, files=10, file_size=FILE_SIZE, throttle_every=0
        ) as sandbox,
        serving(
            f"sqlite:///{name}/connector.db",
            Path(name) / "data",
            CONNECTOR_FETCHTASKS_0="BENCH",
            CONNECTOR_WEBEX_BASEURL=sandbox.base_url,
            CONNECTOR_WEBEX_ACCESSTOKEN=sandbox.token,
        ) as server,
    ):
        begun = time.perf_counter()
        token = server.send("Fetch", FetchAction="Synchronize")
        ended = server.finished("Fetch", token)
        seconds = time.perf_counter() - begun
        if ended["status"] != "Finished":
            raise RuntimeError(f"the fetch ended {ended['status']}: {ended.get('error')}")
        documents = _lines(Path(name) / "data" / "documents" / "BENCH")
        worker = [p for p in server.tree() if "connector.worker" in " ".join(p.cmdline())]
        rate = documents / seconds
        print(
            f"  {documents:,} documents in {seconds:.2f} s: {rate:,.0f}/s; "
            f"PSS of worker + {len(worker) - 1} slots {memory(worker):.0f} MiB (target 250), "
            f"of the whole tree {memory(server.tree()):.0f} MiB (target 450)"
        )
        return rate


def _lines(folder: Path) -> int:
    return sum(page.read_bytes().count(b"\n") for page in folder.glob("page-*.jsonl"))


def cores() -> int:
    """Return how many cores this machine gives us."""
    return psutil.cpu_count() or 1
