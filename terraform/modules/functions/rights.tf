# What each function may do: the calls that its code makes (src/kenspeckle/aws/actions.py; a test holds the two together),
# on what this installation made, and nothing else.

data "aws_partition" "current" {}

locals {
  collections = [for pattern in var.collections : join(":", [
    "arn:${data.aws_partition.current.partition}:rekognition",
    var.region,
    var.account_id,
    "collection/${pattern}",
  ])]
  images   = "${var.bucket.arn}/images/*"
  incoming = "${var.bucket.arn}/incoming/*"
}

data "aws_iam_policy_document" "assumed_by_lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "api" {
  #checkov:skip=CKV_AWS_111:The check can't read the statement that a switch makes; every write is on this installation's own, but for creating a collection.
  #checkov:skip=CKV_AWS_356:AWS offers no resource for these four; the statement says which.
  statement {
    sid = "Faces"
    actions = [
      "rekognition:AssociateFaces",
      "rekognition:CreateUser",
      "rekognition:DeleteFaces",
      "rekognition:DeleteUser",
      "rekognition:DescribeCollection",
      "rekognition:DisassociateFaces",
      "rekognition:IndexFaces",
      "rekognition:ListFaces",
      "rekognition:ListTagsForResource",
      "rekognition:ListUsers",
      "rekognition:SearchFaces",
      "rekognition:SearchFacesByImage",
      "rekognition:SearchUsers",
      "rekognition:SearchUsersByImage",
      "rekognition:TagResource",
      "rekognition:UntagResource",
    ]
    resources = local.collections
  }

  # With faces, users and tags; only where the operator has said so, for Rekognition has no backup.
  dynamic "statement" {
    for_each = var.delete_collections ? ["once"] : []

    content {
      sid       = "DeleteCollections"
      actions   = ["rekognition:DeleteCollection"]
      resources = local.collections
    }
  }

  # These concern no collection or none yet: IAM knows no resource for them.
  statement {
    sid = "NoResource"
    actions = [
      "rekognition:CompareFaces",
      "rekognition:CreateCollection",
      "rekognition:DetectFaces",
      "rekognition:ListCollections",
    ]
    resources = ["*"]
  }

  statement {
    sid = "Table"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [var.table.arn, "${var.table.arn}/index/*"]
  }

  statement {
    sid       = "Photographs"
    actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"]
    resources = [local.images]
  }

  # Who may not list a bucket is told 403 of what is not there, instead of 404.
  statement {
    sid       = "Bucket"
    actions   = ["s3:ListBucket", "s3:ListBucketVersions"]
    resources = [var.bucket.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["api"].arn}:*"]
  }
}

data "aws_iam_policy_document" "housekeeper" {
  #checkov:skip=CKV_AWS_356:AWS offers no resource for listing collections.
  statement {
    sid = "Faces"
    actions = [
      "rekognition:DeleteFaces",
      "rekognition:DescribeCollection",
      "rekognition:DisassociateFaces",
      "rekognition:IndexFaces",
      "rekognition:ListFaces",
      "rekognition:ListTagsForResource",
    ]
    resources = local.collections
  }

  statement {
    sid       = "NoResource"
    actions   = ["rekognition:ListCollections"]
    resources = ["*"]
  }

  statement {
    sid = "Table"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [var.table.arn, "${var.table.arn}/index/*"]
  }

  statement {
    sid       = "Photographs"
    actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject"]
    resources = [local.images]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:ListBucket", "s3:ListBucketVersions"]
    resources = [var.bucket.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["housekeeper"].arn}:*"]
  }
}

data "aws_iam_policy_document" "inbox" {
  statement {
    sid       = "Faces"
    actions   = ["rekognition:DeleteFaces", "rekognition:IndexFaces"]
    resources = local.collections
  }

  statement {
    sid       = "Table"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    resources = [var.table.arn]
  }

  statement {
    sid       = "Photographs"
    actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"]
    resources = [local.images]
  }

  # Who may not list a bucket is told 403 of what is not there, instead of 404.
  statement {
    sid       = "Bucket"
    actions   = ["s3:ListBucket", "s3:ListBucketVersions"]
    resources = [var.bucket.arn]
  }

  statement {
    sid       = "Incoming"
    actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion"]
    resources = [local.incoming]
  }

  statement {
    sid       = "Events"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.events.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["inbox"].arn}:*"]
  }
}

resource "aws_iam_role" "this" {
  for_each = local.functions

  name               = "${var.name}-${each.key}"
  description        = "What the ${each.key} function of Kenspeckle may do."
  assume_role_policy = data.aws_iam_policy_document.assumed_by_lambda.json
}

resource "aws_iam_role_policy" "this" {
  for_each = {
    api         = data.aws_iam_policy_document.api.json
    housekeeper = data.aws_iam_policy_document.housekeeper.json
    inbox       = data.aws_iam_policy_document.inbox.json
  }

  name   = "calls"
  role   = aws_iam_role.this[each.key].id
  policy = each.value
}
