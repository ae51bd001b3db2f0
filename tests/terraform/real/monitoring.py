"""What is watched is there to be seen."""

from __future__ import annotations

import json

from docs.making import costs

from tests.terraform.real.terraform import Terraform

METRICS: dict[tuple[str, str], list[set[str]]] = {
    ("AWS/ApiGateway", "Count"): [{"ApiName", "Stage"}],
    ("AWS/ApiGateway", "4XXError"): [{"ApiName", "Stage"}],
    ("AWS/ApiGateway", "5XXError"): [{"ApiName", "Stage"}],
    ("AWS/ApiGateway", "Latency"): [{"ApiName", "Stage"}],
    ("AWS/ApiGateway", "IntegrationLatency"): [{"ApiName", "Stage"}],
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): [{"TableName"}],
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): [{"TableName"}],
    ("AWS/DynamoDB", "ReadThrottleEvents"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/DynamoDB", "WriteThrottleEvents"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/Lambda", "ConcurrentExecutions"): [set()],
    ("AWS/Lambda", "Errors"): [{"FunctionName"}],
    ("AWS/Lambda", "Invocations"): [{"FunctionName"}],
    ("AWS/Lambda", "Throttles"): [{"FunctionName"}],
    ("AWS/Rekognition", "ServerErrorCount"): [{"Operation"}],
    ("AWS/Rekognition", "SuccessfulRequestCount"): [{"Operation"}],
    ("AWS/Rekognition", "ThrottledCount"): [{"Operation"}],
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): [{"QueueName"}],
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): [{"QueueName"}],
}
"""Dimensions that each metric is published with, by the services' documentation: with others there is nothing."""


def test_alarms_watch_metrics_that_are_there(made: Terraform) -> None:
    alarms = made.account.of("aws_cloudwatch_metric_alarm")
    assert len(alarms) == costs.ALARMS
    assert "5XXError" in {one["metric_name"] for one in alarms}, "two alarms of one name are one"
    for one in alarms:
        assert set(one["dimensions"] or {}) in METRICS[one["namespace"], one["metric_name"]], one["alarm_name"]
    watched = {(one["metric_name"], (one["dimensions"] or {}).get("GlobalSecondaryIndexName")) for one in alarms}
    for what in ("ReadThrottleEvents", "WriteThrottleEvents"):
        assert {index for name, index in watched if name == what} == {None, "ByCollection", "ByName"}
    (concurrency,) = (one for one in alarms if one["metric_name"] == "ConcurrentExecutions")
    assert concurrency["threshold"] == 8  # Of a new account's 10.
    (idle,) = (one for one in alarms if one["metric_name"] == "Invocations")
    assert (idle["comparison_operator"], idle["threshold"]) == ("LessThanThreshold", 1)
    assert (idle["treat_missing_data"], idle["period"] * idle["evaluation_periods"]) == ("breaching", 3 * 3600)


def test_the_dashboard_shows_metrics_that_are_there(made: Terraform) -> None:
    (dashboard,) = made.account.of("aws_cloudwatch_dashboard")
    for widget in json.loads(dashboard["dashboard_body"])["widgets"]:
        for namespace, metric, *dimensions in widget["properties"]["metrics"]:
            assert set(dimensions[::2]) in METRICS[namespace, metric]
