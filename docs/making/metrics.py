"""metrics.md: every number that `GET /metrics` has of our own, read from what it answers."""

from __future__ import annotations

import re
from pathlib import Path

from docs.making.tables import MADE, table
from kenspeckle.serving.instance_metrics import Sources
from kenspeckle.serving.metrics import Metrics
from kenspeckle.usecases.recognition.admission import Gate

HEAD = """# Metrics

`GET /metrics` is Prometheus' text format; a key needs the scope `read`. Beside these there are the process's
own numbers (`process_*`: memory, open files, time of the processor) and `python_info`.

"""
TAIL = """
`route` is the template of a route and never a name that a client chose. Histograms have `_bucket`, `_sum` and
`_count`, as usual.

`deploy/grafana.json` is a board of these numbers and `deploy/alerts.yaml` has rules for Prometheus; a test holds
both to the numbers that exist.

Alert on a growing `kenspeckle_gate_refusals_total`, on `kenspeckle_requests_total{status="500"}` at all, on
`status="507"` (the disk is full) and on the 99th percentile of `kenspeckle_request_seconds`:

```text
histogram_quantile(0.99, sum by (le) (rate(kenspeckle_request_seconds_bucket[5m])))
```
"""
KINDS = {"counter": "counter", "gauge": "gauge", "histogram": "histogram"}
INNER = {"le"}
"""Labels that the format adds."""


def page() -> str:
    """The whole page."""
    return MADE + HEAD + table(("metric", "kind", "labels", "meaning"), _rows()) + TAIL


def text() -> str:
    """What a server answers that has seen one request."""
    metrics = Metrics()
    metrics.watch(Gate(1, 0, 1.0))
    metrics.tell_instance(
        Sources(counts=dict, certificate_end=lambda: 1.0, database=Path(__file__), folders={"data": Path(__file__)})
    )
    metrics.webhook("delivered")
    metrics.job("index", "succeeded")
    metrics.request("GET", "/v1/info", 200, 0.01)
    metrics.observe("detect", 0.01)
    return metrics.text().decode()


def _rows() -> list[tuple[str, str, str, str]]:
    told = text()
    rows = []
    for name, meaning in re.findall(r"^# HELP (kenspeckle_\w+) (.*)$", told, re.MULTILINE):
        kind = re.search(rf"^# TYPE {name} (\w+)$", told, re.MULTILINE)
        assert kind is not None, name
        if kind[1] not in KINDS or name.endswith("_created"):
            continue
        labels = {
            label
            for sample in re.findall(rf"^{name}(?:_bucket)?{{(.*?)}} ", told, re.MULTILINE)
            for label in re.findall(r'(\w+)="', sample)
        } - INNER
        rows.append((f"`{name}`", kind[1], ", ".join(f"`{label}`" for label in sorted(labels)), meaning))
    return sorted(rows)
