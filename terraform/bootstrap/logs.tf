# How API Gateway may write logs: a setting of account and region, of which there is one. So it lies here and in no installation:
# two that each had it would overwrite one another's, and the first that is destroyed would stop the other's logs.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  logs = join(":", [
    "arn:${data.aws_partition.current.partition}:logs",
    data.aws_region.current.region,
    data.aws_caller_identity.current.account_id,
  ])
}

data "aws_iam_policy_document" "assumed_by_api_gateway" {
  # Without conditions: API Gateway sends neither aws:SourceAccount nor aws:SourceArn when it assumes this role, and one that
  # asks for them can't be assumed. That it is one's own API Gateway follows from who may pass the role.
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "write_logs" {
  # The actions that API Gateway asks of this role, in the logs of this account and region.
  statement {
    actions = [
      "logs:CreateLogStream",
      "logs:DescribeLogGroups",
      "logs:DescribeLogStreams",
      "logs:FilterLogEvents",
      "logs:GetLogEvents",
      "logs:PutLogEvents",
    ]
    resources = ["${local.logs}:*"]
  }

  # Groups it makes for the log of executions and to try the role, and no others: a last request would bring back the access log's
  # group after an installation was destroyed, and the next apply would find the name taken.
  statement {
    actions = ["logs:CreateLogGroup"]
    resources = [
      "${local.logs}:log-group:/aws/apigateway/welcome*",
      "${local.logs}:log-group:API-Gateway-Execution-Logs_*",
    ]
  }
}

resource "aws_iam_role" "logs" {
  count = var.api_gateway_logs ? 1 : 0

  # With the region, for roles are the account's and this one is a region's.
  name               = "${var.shared_resource_name}-api-gateway-logs-${data.aws_region.current.region}"
  description        = "Lets API Gateway write its logs in ${data.aws_region.current.region}."
  assume_role_policy = data.aws_iam_policy_document.assumed_by_api_gateway.json
}

resource "aws_iam_role_policy" "logs" {
  count = var.api_gateway_logs ? 1 : 0

  name   = "write-logs"
  role   = aws_iam_role.logs[0].id
  policy = data.aws_iam_policy_document.write_logs.json
}

resource "aws_api_gateway_account" "this" {
  count = var.api_gateway_logs ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.logs[0].arn

  depends_on = [aws_iam_role_policy.logs]
}
