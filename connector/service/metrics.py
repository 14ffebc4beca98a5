"""What `/metrics` tells: the counters of this host, its processes, and the queues of the cluster.

The form is the text format of Prometheus, written by its own library.
"""

from collections.abc import Iterator, Mapping, Sequence

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from connector.board.memory import Board, Key
from connector.board.metrics import PREFIX, Meaning, Metric
from connector.jobs.backlog import Backlog
from connector.jobs.states import OPEN, State

SHARED = (
    " Of the whole cluster, from the database, and so the same on every host: take the max over "
    "hosts (max by (queue)), never the sum; or scrape it once, at /metrics?part=cluster on one "
    "host and /metrics?part=host on all."
)


class _Families:
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        """Return the families, as the library asks for them."""
        yield from self._families


def rendered(families: Sequence[Family]) -> bytes:
    """Return families of metrics in the text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    return generate_latest(registry)


def of_host(board: Board) -> list[Family]:
    """Return what the processes of this host have counted, and what they use."""
    totals = board.totals()
    return [*(_family(metric.value, totals) for metric in Metric), *_processes(totals)]


def of_cluster(queues: Sequence[Backlog] | None) -> list[Family]:
    """Return the figures of the queues; None: the database did not tell them."""
    up = GaugeMetricFamily(f"{PREFIX}cluster_database_up", "Whether the database answered.")
    up.add_metric([], float(queues is not None))
    age = GaugeMetricFamily(
        f"{PREFIX}cluster_queue_age_seconds",
        "For how long the oldest action has been due that a worker could claim: 0 if there is "
        "none. Paused queues, queues at their limit and actions whose task is busy have none."
        + SHARED,
        labels=["queue"],
    )
    depth = GaugeMetricFamily(
        f"{PREFIX}cluster_queue_actions",
        "Actions of each queue that have not ended, by state." + SHARED,
        labels=["queue", "state"],
    )
    paused = GaugeMetricFamily(
        f"{PREFIX}cluster_queue_paused", "Whether the queue is paused." + SHARED, labels=["queue"]
    )
    full = GaugeMetricFamily(
        f"{PREFIX}cluster_queue_full",
        "Whether the queue runs as many actions as it may." + SHARED,
        labels=["queue"],
    )
    for queue in queues or ():
        age.add_metric([queue.queue], queue.age)
        for state in State:
            if state in OPEN:
                depth.add_metric([queue.queue, state.value], queue.jobs.get(state, 0))
        paused.add_metric([queue.queue], float(queue.paused))
        full.add_metric([queue.queue], float(queue.full))
    return [age, depth, paused, full, up]


def _family(meaning: Meaning, totals: Mapping[Key, float]) -> Family:
    name, labels = PREFIX + meaning.name, list(meaning.labels)
    mine = {key[1:]: value for key, value in totals.items() if key[0] == meaning.name}
    if meaning.buckets:
        histogram = HistogramMetricFamily(name, meaning.help, labels=labels)
        for key in sorted({key[:-1] for key in mine} or ({()} if not labels else set())):
            buckets, total = _buckets(meaning, key, mine)
            histogram.add_metric(list(key), buckets, total)
        return histogram
    made = GaugeMetricFamily if meaning.gauge else CounterMetricFamily
    family = made(name, meaning.help, labels=labels)
    for key, value in sorted(mine.items()):
        family.add_metric(list(key), value)
    return family


def _buckets(
    meaning: Meaning, labels: Key, mine: Mapping[Key, float]
) -> tuple[list[tuple[str, float]], float]:
    """Return how many values lie at or below each bound, and the sum of all values."""
    found, total = [], 0.0
    for bound in (*(f"{bound:g}" for bound in meaning.buckets), "+Inf"):
        total += mine.get((*labels, bound), 0.0)
        found.append((bound, total))
    return found, mine.get((*labels, "sum"), 0.0)


def _processes(totals: Mapping[Key, float]) -> Iterator[Family]:
    """Return what each process of this host uses; slots are counted together."""
    memory = GaugeMetricFamily(
        f"{PREFIX}process_resident_bytes", "Memory in use, by process.", labels=["process"]
    )
    cpu = CounterMetricFamily(
        f"{PREFIX}process_cpu_seconds",
        "CPU time that each process has used since it was started.",
        labels=["process"],
    )
    slots = GaugeMetricFamily(f"{PREFIX}slots", "Slots, the processes that run actions.")
    number, used = 0, 0
    for key, pid in sorted(totals.items()):
        if key[0] != Metric.PROCESS_PID.value.name:
            continue
        try:
            process = psutil.Process(int(pid))
            with process.oneshot():
                times = process.cpu_times()
                memory.add_metric([key[1]], process.memory_info().rss)
                cpu.add_metric([key[1]], times.user + times.system)
            if key[1].startswith("worker"):
                for slot in process.children():
                    number += 1
                    used += slot.memory_info().rss
        except psutil.Error:
            continue  # it has ended, and its successor is not there yet
    memory.add_metric(["slots"], used)
    slots.add_metric([], number)
    yield from (memory, cpu, slots)
