"""Metrics for Prometheus: requests, latency by route and by stage, faces, the gate and its queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from kenspeckle.domain import FaceMatch, Indexed, UserSearch, matching
from kenspeckle.domain.operations import (
    A,
    IndexFaces,
    Kind,
    Operation,
    SearchImage,
    SearchTemplates,
    SearchUsersByImage,
)
from kenspeckle.ports import Recognizer
from kenspeckle.ports.scanned import Scanned
from kenspeckle.serving.instance_metrics import InstanceCollector, Sources
from kenspeckle.usecases.recognition.admission import Gate

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"})
OUTCOMES = ("match", "miss")
HOW = ("approximate", "exact")
MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """One registry for one application. Give `observe` to the use cases, and the gate to `watch`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = Counter(
            "kenspeckle_requests",
            "Requests answered; 499 stands for a client that left.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "kenspeckle_request_seconds",
            "Time from the request's head to the last byte of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "kenspeckle_stage_seconds",
            "Time that a stage of recognition took.",
            ("stage",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge("kenspeckle_requests_in_flight", "Requests under way.", registry=self.registry)
        self.faces_indexed = Counter("kenspeckle_faces_indexed", "Faces stored.", registry=self.registry)
        self._webhooks = Counter(
            "kenspeckle_webhook_attempts",
            "Attempts to deliver a message to a webhook; those that are not delivered are tried again or failed.",
            ("outcome",),
            registry=self.registry,
        )
        self._jobs = Counter(
            "kenspeckle_jobs_ended", "Jobs that this process has ended.", ("kind", "state"), registry=self.registry
        )
        self.jobs_running = Gauge("kenspeckle_jobs_running", "Jobs under way.", registry=self.registry)
        self.faces_searched = Counter("kenspeckle_faces_searched", "Faces searched for.", registry=self.registry)
        self._searches = Counter(
            "kenspeckle_searches",
            "Faces searched for, by whether anybody like them was found: match or miss.",
            ("outcome",),
            registry=self.registry,
        )
        for outcome in OUTCOMES:
            self._searches.labels(outcome)
        self._scanned = Counter(
            "kenspeckle_index_faces",
            "Faces of searched collections, where INDEX_URL is set, by how: approximate (there) or exact (in process).",
            ("how",),
            registry=self.registry,
        )
        for how in HOW:
            self._scanned.labels(how)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request. `route` is the template, so that no name of a client becomes a label."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def observe(self, stage: str, seconds: float) -> None:
        """Record a stage: decode, detect, embed, search or store. Called from any thread."""
        self._stages.labels(stage).observe(seconds)

    def webhook(self, outcome: str) -> None:
        """Count an attempt: delivered, pending (it is tried again) or failed. Called from any thread."""
        self._webhooks.labels(outcome).inc()

    def count_searched(self, found: Sequence[bool]) -> None:
        """Count searched faces, each by whether it matched."""
        self.faces_searched.inc(len(found))
        for one in found:
            self._searches.labels(OUTCOMES[0] if one else OUTCOMES[1]).inc()

    def count_scanned(self, searched: Scanned) -> None:
        """Count what a request has searched."""
        for how, count in zip(HOW, (searched.approximate, searched.exact), strict=True):
            if count:
                self._scanned.labels(how).inc(count)

    def tell_instance(self, sources: Sources) -> None:
        """Add the numbers of the instance whenever the metrics are read."""
        self.registry.register(InstanceCollector(sources))

    def job(self, kind: str, state: str) -> None:
        """Count a job that has ended. Called from any thread."""
        self._jobs.labels(kind, state).inc()

    def watch_jobs(self, running: Callable[[], float]) -> None:
        """Show how many jobs run whenever the numbers are read."""
        self.jobs_running.set_function(running)

    def watch(self, gate: Gate) -> None:
        """Show the state of the gate whenever the numbers are read."""
        self.registry.register(_GateCollector(gate))

    def text(self) -> bytes:
        """All numbers in Prometheus' text format."""
        return generate_latest(self.registry)


def _count(kind: Kind[Any, A], count: Callable[[A], None]) -> tuple[Any, Callable[[Any, Any], None]]:
    return kind, lambda _, answer: count(answer)


def _count_added(done: Indexed) -> int:
    return len(done.records) - done.before if done.created else 0


def _probes(found: UserSearch) -> list[bool]:
    return [] if found.detail is None else [bool(found.matches)]


class Counted:
    """Implements `ports.Recognizer` around another: counts what its answers hold, whichever edge asked. A template
    whose nearest face reaches `threshold` has a match."""

    def __init__(self, inner: Recognizer, metrics: Metrics, threshold: float) -> None:
        def templates(asked: SearchTemplates, found: Sequence[Sequence[FaceMatch]]) -> None:
            if asked.tells:
                metrics.count_searched([bool(matching(matches, threshold)) for matches in found])

        self._inner = inner
        self._counts: Mapping[type[Operation[Any]], Callable[[Any, Any], None]] = dict(
            [
                _count(IndexFaces, lambda done: metrics.faces_indexed.inc(_count_added(done))),
                _count(
                    SearchImage, lambda found: metrics.count_searched([bool(one.matches) for one in found.searches])
                ),
                _count(SearchUsersByImage, lambda found: metrics.count_searched(_probes(found))),
                (SearchTemplates, templates),
            ]
        )

    def handle(self, operation: Operation[A]) -> A:
        answer = self._inner.handle(operation)
        count = self._counts.get(type(operation))
        if count is not None:
            count(operation, answer)
        return answer

    def info(self, only: Sequence[str] | None = None) -> Mapping[str, object]:
        return self._inner.info(only)

    def ready(self) -> None:
        self._inner.ready()


class _GateCollector(Collector):
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def collect(self) -> Iterator[Metric]:
        gate = self._gate
        admitted, running = gate.admitted, gate.running
        yield GaugeMetricFamily("kenspeckle_photographs_admitted", "Photographs held by requests.", admitted)
        yield GaugeMetricFamily("kenspeckle_photographs_running", "Photographs at the engine.", running)
        yield GaugeMetricFamily(
            "kenspeckle_queue_depth", "Photographs that wait for the engine.", max(0, admitted - running)
        )
        yield GaugeMetricFamily("kenspeckle_workers", "Photographs that the engine takes at once.", gate.workers)
        yield GaugeMetricFamily("kenspeckle_queue_limit", "Photographs that may wait.", gate.queue)
        yield CounterMetricFamily(
            "kenspeckle_gate_refusals", "Photographs refused because the gate had no place.", gate.refused
        )
