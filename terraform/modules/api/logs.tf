# Where API Gateway writes its logs, and the role by which it may.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_158:Encrypted by CloudWatch; it holds addresses and ids of keys, no names and no bodies.
  #checkov:skip=CKV_AWS_338:Addresses are personal data: how long they are kept is the operator's decision, var.log_days.
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_days
}

data "aws_iam_policy_document" "assumed_by_api_gateway" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }

    # Nobody else's API Gateway.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "write_logs" {
  # The actions that API Gateway asks of this role, in the logs of this account and region: it names groups as it needs them.
  statement {
    actions = [
      "logs:CreateLogGroup",
      "logs:CreateLogStream",
      "logs:DescribeLogGroups",
      "logs:DescribeLogStreams",
      "logs:FilterLogEvents",
      "logs:GetLogEvents",
      "logs:PutLogEvents",
    ]
    resources = [join(":", [
      "arn:${data.aws_partition.current.partition}:logs",
      data.aws_region.current.region,
      data.aws_caller_identity.current.account_id,
      "*",
    ])]
  }
}

resource "aws_iam_role" "logs" {
  count = var.log_role ? 1 : 0

  name               = "${var.name}-api-gateway-logs"
  description        = "Lets API Gateway write its logs."
  assume_role_policy = data.aws_iam_policy_document.assumed_by_api_gateway.json
}

resource "aws_iam_role_policy" "logs" {
  count = var.log_role ? 1 : 0

  name   = "write-logs"
  role   = aws_iam_role.logs[0].id
  policy = data.aws_iam_policy_document.write_logs.json
}

resource "aws_api_gateway_account" "this" {
  count = var.log_role ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.logs[0].arn

  depends_on = [aws_iam_role_policy.logs]
}
