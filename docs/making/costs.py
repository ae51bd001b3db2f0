"""aws.md: what a month on AWS costs at three loads, from unit prices and from what a request uses."""

from __future__ import annotations

from dataclasses import dataclass

from docs.making.tables import table

BEGIN, END = "<!-- costs: made by `make docs` -->\n", "<!-- /costs -->\n"

PRICES = {
    "Rekognition, a photograph indexed or searched, of the first million": 0.001,
    "Rekognition, a face kept for a month": 0.00001,
    "API Gateway, a request": 3.50e-6,
    "Lambda, an invocation": 0.20e-6,
    "Lambda, a second with a gigabyte": 16.6667e-6,
    "DynamoDB, a kilobyte written": 0.625e-6,
    "DynamoDB, 4 kilobytes read": 0.125e-6,
    "DynamoDB, a gigabyte for a month, with its backup": 0.45,
    "S3, an object written": 5e-6,
    "S3, a gigabyte for a month": 0.023,
    "CloudWatch, a gigabyte of log": 0.50,
    "CloudWatch, an alarm for a month": 0.10,
    "CloudWatch, a dashboard for a month": 3.00,
    "SQS, a request": 0.40e-6,
    "data to clients, a gigabyte": 0.09,
}
"""US dollars, list prices of us-east-1 above every free tier."""

ALARMS = 20
POLLS = 650_000
"""Asks of the queue in a month, which go on when nothing is there."""
PHOTOGRAPH_GB, ROW_KB = 500e-6, 2
WRITTEN_KB = 12
"""Two rows in a transaction, which counts twice, and their four entries in indexes."""
READ_UNITS = 3
SECONDS = {"index": 1.0, "search": 0.6}
LOG_GB = 2e-6
ANSWER_GB = 4e-6


@dataclass(frozen=True)
class Load:
    """A month: photographs indexed and searched in it, faces kept by its end."""

    indexed: int
    searched: int
    kept: int


LOADS = (Load(1_000, 5_000, 1_000), Load(10_000, 100_000, 50_000), Load(100_000, 900_000, 500_000))


def bill(load: Load) -> dict[str, float]:
    """US dollars by service."""
    price = PRICES.__getitem__
    requests = load.indexed + load.searched
    seconds = load.indexed * SECONDS["index"] + load.searched * SECONDS["search"]
    return {
        "Rekognition, photographs": requests
        * price("Rekognition, a photograph indexed or searched, of the first million"),
        "Rekognition, faces kept": load.kept * price("Rekognition, a face kept for a month"),
        "API Gateway": requests * price("API Gateway, a request"),
        "Lambda": requests * price("Lambda, an invocation") + seconds * price("Lambda, a second with a gigabyte"),
        "DynamoDB": load.indexed * WRITTEN_KB * price("DynamoDB, a kilobyte written")
        + requests * READ_UNITS * price("DynamoDB, 4 kilobytes read")
        + load.kept * 2 * ROW_KB * 1e-6 * price("DynamoDB, a gigabyte for a month, with its backup"),
        "S3": load.indexed * price("S3, an object written")
        + load.kept * PHOTOGRAPH_GB * price("S3, a gigabyte for a month"),
        "CloudWatch": requests * LOG_GB * price("CloudWatch, a gigabyte of log")
        + ALARMS * price("CloudWatch, an alarm for a month")
        + price("CloudWatch, a dashboard for a month"),
        "SQS, data to clients": POLLS * price("SQS, a request")
        + requests * ANSWER_GB * price("data to clients, a gigabyte"),
    }


def block() -> str:
    """The table of bills, and the one of prices."""
    bills = [bill(load) for load in LOADS]
    rows = [(service, *(f"{one[service]:,.2f}" for one in bills)) for service in bills[0]]
    head = ("US dollars a month", *(_said(load) for load in LOADS))
    total = ("**in all**", *(f"**{sum(one.values()):,.2f}**" for one in bills))
    prices = [
        (name, f"{price:g}" if price >= 0.01 else f"{price * 1e6:,.4g} a million") for name, price in PRICES.items()
    ]
    return table(head, [*rows, total]) + "\n" + table(("unit price that is assumed", "US dollars"), prices)


def page(text: str) -> str:
    """The page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + block() + END + after


def _said(load: Load) -> str:
    return f"{load.indexed:,} indexed, {load.searched:,} searched, {load.kept:,} faces kept"
