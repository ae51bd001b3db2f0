# What somebody should look at, each with the sentence that says what to do.

locals {
  operations = ["IndexFaces", "SearchFacesByImage"]

  by_api = { ApiName = var.api.name, Stage = var.api.stage }

  # The metric of throttling is DynamoDB's by table and, apart from that, by index; ThrottledRequests would ask for an operation too.
  throttled = merge([for what in ["Read", "Write"] : merge(
    { "table-${lower(what)}s-throttled" = { metric = "${what}ThrottleEvents", dimensions = { TableName = var.table.name } } },
    { for index in var.table.indexes : "table-${index}-${lower(what)}s-throttled" => {
      metric = "${what}ThrottleEvents", dimensions = { TableName = var.table.name, GlobalSecondaryIndexName = index }
    } },
  )]...)

  alarms = merge(
    {
      "gateway-errors" = {
        namespace = "AWS/ApiGateway", metric = "5XXError", dimensions = local.by_api, statistic = "Sum", threshold = 5
        says      = "The API answered 5xx five times in five minutes. Look into the log of the api function."
      }
      "gateway-slow" = {
        namespace = "AWS/ApiGateway", metric = "Latency", dimensions = local.by_api, statistic = "p99", threshold = 10000
        says      = "One request in a hundred takes longer than ten seconds. Look for throttling by Rekognition."
      }
      "concurrency" = {
        namespace = "AWS/Lambda", metric = "ConcurrentExecutions", dimensions = {}, statistic = "Maximum", threshold = max(1, floor(var.concurrency * 0.8))
        says      = "Lambda runs four fifths of the ${var.concurrency} at once that this account has in this region (lambda_concurrency). Beyond them requests are refused, below the rate that the API takes: ask AWS for more. docs/aws.md says how."
      }
      "events-failed" = {
        namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = var.queues.failed }, statistic = "Maximum", threshold = 1
        says      = "A photograph in the bucket could not be indexed for good, and lies in incoming/. docs/aws.md says how to look at it and send it again."
      }
      "events-late" = {
        namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = var.queues.events }, statistic = "Maximum", threshold = 3600
        says      = "A photograph in the bucket waits to be indexed for more than an hour."
      }
    },
    { for name, one in local.throttled : name => {
      namespace = "AWS/DynamoDB", metric = one.metric, dimensions = one.dimensions, statistic = "Sum", threshold = 1
      says      = "DynamoDB refused requests of the table of faces or an index of it, which an on-demand table does only when its load doubles quickly."
    } },
    { for operation in local.operations : "${operation}-throttled" => {
      namespace = "AWS/Rekognition", metric = "ThrottledCount", dimensions = { Operation = operation }, statistic = "Sum", threshold = 10
      says      = "Rekognition refuses ${operation}: the account's rate is spent. Ask AWS for a higher quota or lower the API's."
    } },
    { for role, name in var.functions : "${role}-errors" => {
      namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = name }, statistic = "Sum", threshold = 1
      says      = "The ${role} function ended with an error that it did not foresee. Its log has the traceback."
    } },
    { for role, name in var.functions : "${role}-throttled" => {
      namespace = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = name }, statistic = "Sum", threshold = 1
      says      = "The ${role} function could not start: the account's concurrency is spent. Ask AWS for more; docs/aws.md says how."
    } },
  )
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:Alarms may not use the key that AWS keeps for SNS, and what they say is a name and a number.
  count = var.email == "" ? 0 : 1

  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "email" {
  count = var.email == "" ? 0 : 1

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.email
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = aws_sns_topic.alarms[*].arn
  ok_actions          = aws_sns_topic.alarms[*].arn
}

# Lambda counts invocations where there are any, and so not at all where there are none: what is missing is the alarm. It is on in the
# first hour too, before the first round.
resource "aws_cloudwatch_metric_alarm" "idle" {
  alarm_name          = "${var.name}-housekeeper-idle"
  alarm_description   = "The housekeeper has not run for three hours: faces that are too old are not erased. Look whether its rule in EventBridge is enabled."
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = var.functions.housekeeper }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 3600
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = aws_sns_topic.alarms[*].arn
  ok_actions          = aws_sns_topic.alarms[*].arn
}
