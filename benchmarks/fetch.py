"""How fast Synchronize delivers, and how much memory the processes take while they do."""

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psutil

from benchmarks.server import Serving, memory, serving
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
        rates.append(_round(sampling=False))
    print(f"  median {median(rates):,.0f} documents/s (target 1,500)")
    _round(sampling=True)


def _round(*, sampling: bool) -> float:
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
        with _memory(server, sampling):
            ended = server.finished("Fetch", token)
        seconds = time.perf_counter() - begun
        if ended["status"] != "Finished":
            raise RuntimeError(f"the fetch ended {ended['status']}: {ended.get('error')}")
        documents = _lines(Path(name) / "data" / "documents" / "BENCH")
        rate = documents / seconds
        if not sampling:
            print(f"  {documents:,} documents in {seconds:.2f} s: {rate:,.0f}/s")
        return rate


@contextlib.contextmanager
def _memory(server: Serving, sampling: bool) -> Iterator[None]:
    """Print the largest memory seen while the block runs; looking costs time, so none is timed."""
    if not sampling:
        yield
        return
    over = threading.Event()
    worker: list[float] = []
    tree: list[float] = []

    def look() -> None:
        while not over.wait(0.25):
            processes = server.tree()
            worker.append(memory([p for p in processes if _works(p)]))
            tree.append(memory(processes))

    looking = threading.Thread(target=look)
    looking.start()
    yield
    over.set()
    looking.join()
    print(
        f"  PSS while it runs, largest of {len(tree)} looks: "
        f"worker + 2 slots {max(worker):.0f} MiB (target 250), "
        f"whole tree {max(tree):.0f} MiB (target 450)"
    )


def _works(process: psutil.Process) -> bool:
    return any("connector.worker" in part for part in process.cmdline())


def _lines(folder: Path) -> int:
    return sum(page.read_bytes().count(b"\n") for page in folder.glob("page-*.jsonl"))
