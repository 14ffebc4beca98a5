"""GetStatistics: how many requests there were lately, and how long they took.

Source of names and codes: the page "GetStatistics" of the ACI reference: series, periods, and
metric 3 per second, 5 count, 8 seconds, 9 milliseconds.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from connector.aci.tree import Tree

PERIODS = {"10Second": 10, "60Second": 60, "1Hour": 3600, "24Hour": 86400}
"""Name of each period and its seconds."""

FINE = 60
"""Seconds for which each second is kept; of older ones each minute is."""

PER_SECOND, COUNT, SECONDS, MILLISECONDS = 3, 5, 8, 9


@dataclass(frozen=True, slots=True)
class _Span:
    begin: float
    requests: float
    seconds: float
    peak: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One period: requests, seconds they took together, most in one second."""

    requests: float
    seconds: float
    peak: float


class History:
    """What the counters of the host have been, second by second. `now`: monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._last: tuple[float, float, float] | None = None
        self._fine: deque[_Span] = deque()
        self._coarse: deque[_Span] = deque()

    def sample(self, now: float, requests: float, seconds: float) -> None:
        """Take what the counters are now; once a second is right."""
        if self._last is not None:
            before, had, took = self._last
            if now - before < 0.5:
                return
            rate = (requests - had) / (now - before)
            self._fine.append(_Span(before, requests - had, seconds - took, rate))
        self._last = (now, requests, seconds)
        while self._fine and self._fine[0].begin < now - FINE:
            self._make_coarse(self._fine.popleft())
        while self._coarse and self._coarse[0].begin < now - max(PERIODS.values()):
            self._coarse.popleft()

    def last(self, period: float, now: float) -> Figures:
        """Return what there was in the last `period` seconds, to the minute if it is long."""
        spans = [span for span in self._all() if span.begin >= now - period]
        return Figures(
            sum(span.requests for span in spans),
            sum(span.seconds for span in spans),
            max((span.peak for span in spans), default=0.0),
        )

    def stats(self, now: float) -> list[Tree]:
        """Return the elements of GetStatistics."""
        found = [_stat("ServiceDuration", SECONDS, f"{now - self._began:.0f}")]
        for name, period in PERIODS.items():
            seen = self.last(period, now)
            over = max(1.0, min(period, now - self._began))
            average = 1000 * seen.seconds / seen.requests if seen.requests else 0.0
            found += [
                _stat(f"{name}ResponseAverage", MILLISECONDS, f"{average:.3f}"),
                _stat(f"{name}RequestsPerSecond", PER_SECOND, f"{seen.requests / over:.3f}"),
                _stat(f"{name}PeakRequestsPerSecond", PER_SECOND, f"{seen.peak:.3f}"),
                _stat(f"{name}Requests", COUNT, f"{seen.requests:.0f}"),
            ]
        return [{**stat, "@autnid": str(number)} for number, stat in enumerate(found, 1)]

    def _all(self) -> Iterator[_Span]:
        yield from self._coarse
        yield from self._fine

    def _make_coarse(self, span: _Span) -> None:
        if not self._coarse or span.begin - self._coarse[-1].begin >= FINE:
            self._coarse.append(span)
            return
        last = self._coarse.pop()
        requests, seconds = last.requests + span.requests, last.seconds + span.seconds
        self._coarse.append(_Span(last.begin, requests, seconds, max(last.peak, span.peak)))


def _stat(name: str, metric: int, value: str) -> dict[str, Tree]:
    return {"@class": "Requests", "@name": name, "@metric": str(metric), "@value": value}
