"""An hour at a steady rate: what a whole server and its database take, minute by minute."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from statistics import median, quantiles

import psutil

from benchmarks.measures.drains import drained
from benchmarks.producer import action
from benchmarks.results import Measurement, Run, Values
from benchmarks.servers import Server
from benchmarks.trial import BATCH, Trial, trial
from connector.client import Client

MEASURE = "soak"
CALIBRATION = "soak top rate"
PROBES = 5.0
"""Actions a second that are handed in over HTTP, and timed."""

TICK = 0.05
"""Seconds between two batches of the others, which are stored as the HTTP face stores them."""

KINDS = {
    "connector": "supervisor",
    "connector.aci.server": "http",
    "connector.worker.start": "worker",
    "connector.worker.slot": "slot",
}
"""Processes by the modules that they run."""

TABLES = """
SELECT sum(pg_table_size(c.oid)) / 1048576, sum(pg_indexes_size(c.oid)) / 1048576,
    sum(pg_stat_get_dead_tuples(c.oid)),
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') / 1048576,
    sum(pg_stat_get_live_tuples(c.oid)) FILTER (WHERE c.relname = 'jobs')
FROM pg_class c WHERE c.relnamespace = 'webex_connector'\\:\\:regnamespace AND c.relkind = 'r'
"""


@dataclass(frozen=True, slots=True)
class Options:
    """How long, how fast (None: half of the top rate), how long history is kept, in minutes."""

    minutes: int
    rate: float | None
    keep: float
    minute: float
    """Seconds that a minute has: less than 60 only to see that all works."""
    calibrate: int


def run(run: Run, server: Server, options: Options) -> None:
    """Note every minute that the run lacks. The database is kept until all are there."""
    given = {name: value for name, value in asdict(options).items() if name != "minutes"}
    number = max((each.round for each in run.measurements if each.measure == MEASURE), default=0)
    run.has(MEASURE, "", "ours", number, given)  # refuses other settings
    if number >= options.minutes:
        return
    rate = options.rate or _top_rate(run, server, options.calibrate) / 2
    with trial(server.kept("soak") if number else server.fresh("soak")) as tried:
        days = str(options.keep * options.minute / 86400)
        kept = {f"CONNECTOR_RETENTION_{state}DAYS": days for state in ("FINISHED", "FAILED")}
        settings = {"CONNECTOR_SERVER_PORT": "0", **kept}
        with tried.working(command="serve", settings=settings) as supervisor:
            with _loaded(tried, rate) as load:
                while number < options.minutes:
                    number += 1
                    values = _minute(tried, load, supervisor, options.minute)
                    run.append(Measurement(MEASURE, "", "ours", number, given, values))
                    print(_line(number, values), flush=True)
    server.drop("soak")


def _top_rate(run: Run, server: Server, count: int) -> float:
    """Return actions a second of a drain, measured once in a run."""
    settings = {"actions": count}
    if not run.has(CALIBRATION, "", "ours", 1, settings):
        with trial(server.fresh("soak")) as tried:
            tried.store(count)
            tried.tidy()
            rate = drained(tried, count, tried.now())
        run.append(Measurement(CALIBRATION, "", "ours", 1, settings, {"rate": rate}))
    (found,) = (each for each in run.measurements if each.measure == CALIBRATION)
    return found.values["rate"]


class _Load:
    """Hands in actions at a rate, and a few over HTTP whose starts are timed."""

    def __init__(self, tried: Trial, rate: float, address: str) -> None:
        self._tried, self._rate, self._address = tried, rate, address
        self.stored, self._sent = 0, dict[int, float]()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._store, self._probe)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _store(self) -> None:
        begun = time.monotonic()
        while not self._ended.wait(TICK):
            due = int((time.monotonic() - begun) * self._rate) - self.stored
            for first in range(0, due, BATCH):
                count = min(BATCH, due - first)
                self._tried.producer.many([action() for _ in range(count)])
            self.stored += due

    def _probe(self) -> None:
        number = 0
        with Client(self._address) as client:
            while not self._ended.wait(1 / PROBES):
                number += 1
                port = self._tried.listener.port
                given = {"Kind": "lat", "Number": str(number), "Port": str(port)}
                client.ask("Bench", given)
                self._sent[number] = time.monotonic()

    def waits(self) -> list[float]:
        """Return the milliseconds from token to start of those not told of before."""
        starts = self._tried.listener.starts()
        done = [number for number in list(self._sent) if number in starts]
        return [max(0.0, (starts[n] - self._sent.pop(n)) * 1000) for n in done]

    def missing(self) -> int:
        """Return how many timed actions have a token and have not begun."""
        return len(self._sent)


@contextmanager
def _loaded(tried: Trial, rate: float) -> Iterator[_Load]:
    load = _Load(tried, rate, tried.address())
    load.start()
    try:
        yield load
    finally:
        load.end()


def _minute(tried: Trial, load: _Load, supervisor: psutil.Process, seconds: float) -> Values:
    wal, stored = _tables(tried)["wal_mib"], load.stored
    load.waits()
    time.sleep(seconds)
    waits = sorted(load.waits()) or [float("nan")]
    tables = _tables(tried)
    return {
        "rate": (load.stored - stored) / seconds,
        "p50_ms": median(waits),
        "p99_ms": quantiles(waits, n=100, method="inclusive")[98] if waits[1:] else waits[0],
        "longest_ms": waits[-1],
        "not_begun": load.missing(),
        **tables,
        "wal_mib": tables["wal_mib"] - wal,
        **_memory(supervisor),
    }


def _tables(tried: Trial) -> dict[str, float]:
    names = ("table_mib", "indexes_mib", "dead", "wal_mib", "rows")
    return {name: float(value) for name, value in zip(names, tried.asked(TABLES), strict=True)}


def _memory(supervisor: psutil.Process) -> dict[str, float]:
    """Return the proportional set size of each process, in MiB, by what it is."""
    found: dict[str, float] = {}
    for process in [supervisor, *supervisor.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            kind = _kind(process.cmdline())
            number = sum(name.startswith(f"pss {kind}") for name in found) + 1
            found[f"pss {kind} {number}"] = process.memory_full_info().pss / 2**20
    return found


def _kind(command: Sequence[str]) -> str:
    module = next((word for word in command if word.startswith("connector")), "other")
    return KINDS.get(module, module)


def lines(measurements: Sequence[Measurement]) -> Iterator[str]:
    """Yield what the last minutes are to the first ones: 1 where all is flat.

    As long as nothing is old enough to be removed tables grow: these minutes are left out, unless
    there are no others.
    """
    all_minutes = [each for each in measurements if each.measure == MEASURE]
    steady = [each for each in all_minutes if each.round > each.settings["keep"] + 2]
    minutes = [each.values for each in steady or all_minutes]
    if not minutes:
        return
    some = max(1, len(minutes) // 6)
    yield "| Figure | Median | First | Last | Last ÷ first |"
    yield "|---|---|---|---|---|"
    for name in minutes[-1]:
        values = [each[name] for each in minutes if name in each]
        first, last = median(values[:some]), median(values[-some:])
        share = f"{last / first:.2f}" if first else "–"
        yield f"| {name} | {median(values):,.4g} | {first:,.4g} | {last:,.4g} | {share} |"


def _line(number: int, values: Values) -> str:
    return f"minute {number}: " + ", ".join(f"{k} {v:,.4g}" for k, v in values.items())
