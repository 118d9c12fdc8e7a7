"""The runtime's requests as metrics, asked for whenever somebody reads them: another process counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ports.frontends import REQUEST_BOUNDS, RequestCount

LABELS = ("method", "status")
BOUNDS = (*map(str, REQUEST_BOUNDS), "+Inf")


class RequestMetrics(Collector):
    """``counts`` answers with nothing while it is not known."""

    def __init__(self, counts: Callable[[], Iterable[RequestCount]]) -> None:
        self._counts = counts

    def describe(self) -> Iterable[Metric]:
        """The names, without asking anybody."""
        yield CounterMetricFamily("knd_nri_requests", "Requests of the container runtime.", labels=LABELS)
        yield HistogramMetricFamily("knd_nri_request_seconds", "Time to answer one.", labels=LABELS)

    def collect(self) -> Iterable[Metric]:
        """The numbers now."""
        requests, seconds = self.describe()
        for row in self._counts():
            labels, grown = (row.method, row.status), tuple(accumulate(row.within))
            requests.add_metric(labels, grown[-1])  # type: ignore[attr-defined]
            seconds.add_metric(labels, list(zip(BOUNDS, grown, strict=True)), row.seconds)  # type: ignore[attr-defined]
        yield from (requests, seconds)
