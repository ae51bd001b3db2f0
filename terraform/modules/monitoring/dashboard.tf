# One page that shows whether it works: requests, time, errors, events, faces.

locals {
  widgets = [
    {
      title = "Requests", stat = "Sum"
      metrics = [
        ["AWS/ApiGateway", "Count", "ApiName", var.api.name, "Stage", var.api.stage],
        ["AWS/ApiGateway", "4XXError", "ApiName", var.api.name, "Stage", var.api.stage],
        ["AWS/ApiGateway", "5XXError", "ApiName", var.api.name, "Stage", var.api.stage],
      ]
    },
    {
      title = "Time of answers, ms, 99th percentile", stat = "p99"
      metrics = [
        ["AWS/ApiGateway", "Latency", "ApiName", var.api.name, "Stage", var.api.stage],
        ["AWS/ApiGateway", "IntegrationLatency", "ApiName", var.api.name, "Stage", var.api.stage],
      ]
    },
    {
      title = "Functions: invocations, errors, throttles", stat = "Sum"
      metrics = concat([for name in values(var.functions) : [
        ["AWS/Lambda", "Invocations", "FunctionName", name],
        ["AWS/Lambda", "Errors", "FunctionName", name],
        ["AWS/Lambda", "Throttles", "FunctionName", name],
      ]]...)
    },
    {
      title   = "Photographs waiting, and failed for good", stat = "Maximum"
      metrics = [for name in values(var.queues) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]]
    },
    {
      title = "Rekognition, all of this account", stat = "Sum"
      metrics = concat([for operation in local.operations : [
        ["AWS/Rekognition", "SuccessfulRequestCount", "Operation", operation],
        ["AWS/Rekognition", "ThrottledCount", "Operation", operation],
        ["AWS/Rekognition", "ServerErrorCount", "Operation", operation],
      ]]...)
    },
    {
      title = "Table of faces: units read and written", stat = "Sum"
      metrics = [
        ["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", var.table.name],
        ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", var.table.name],
      ]
    },
  ]
}

data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # Where each part of AWS has its console; Rekognition is not in China's.
  consoles = {
    aws        = "console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [for number, widget in local.widgets : {
      type   = "metric"
      x      = number % 2 * 12
      y      = floor(number / 2) * 6
      width  = 12
      height = 6
      properties = {
        title   = widget.title
        region  = data.aws_region.current.region
        stat    = widget.stat
        period  = 300
        metrics = widget.metrics
      }
    }]
  })
}
