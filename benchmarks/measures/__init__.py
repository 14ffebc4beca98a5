"""What `scripts/bench measure` measures: one function a measure, which yields its turns."""

from benchmarks.measures import (
    drains,
    enqueueing,
    fairness,
    held,
    idle,
    killed,
    limits,
    log_volume,
    rigged,
)
from benchmarks.measuring import Measure

MEASURES: dict[str, Measure] = {
    "limits": limits.turns,
    "drain": rigged.drain,
    "enqueue": rigged.enqueue,
    "backlog": rigged.backlog,
    "finished": rigged.finished,
    "latency": rigged.latency,
    "delayed": drains.delayed,
    "sqlite": drains.sqlite,
    "snapshot": rigged.snapshot,
    "urgent": held.turns,
    "wal": log_volume.turns,
    "fairness": fairness.turns,
    "scale": drains.scale,
    "history": enqueueing.history,
    "idle": rigged.idle,
    "idle-serve": idle.turns,
    "kill": rigged.kill,
    "kill-all": killed.turns,
}
