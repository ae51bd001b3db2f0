# Photographs: private, encrypted, versioned, over TLS only.

resource "aws_s3_bucket" "photographs" {
  #checkov:skip=CKV_AWS_144:A copy in another region would take biometric data out of the region that the operator chose.
  #checkov:skip=CKV_AWS_145:Encrypted with S3's own key; a key in KMS is a dollar a month and a way to lose every photograph.
  #checkov:skip=CKV_AWS_18:Who read which photograph is in the logs of the API and, for the account, in CloudTrail; a log of the log's bucket helps no one.
  #checkov:skip=CKV2_AWS_62:The functions module sets the notification; the check does not follow it there.
  bucket        = "${var.name}-${var.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "photographs" {
  bucket = aws_s3_bucket.photographs.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "photographs" {
  bucket                  = aws_s3_bucket.photographs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "photographs" {
  bucket = aws_s3_bucket.photographs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "photographs" {
  bucket = aws_s3_bucket.photographs.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "photographs" {
  bucket = aws_s3_bucket.photographs.id

  # Erasure is complete only when older versions are gone too.
  rule {
    id     = "older-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.version_days
    }

    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # What could not be indexed is somebody's photograph too: it goes before the message that says so does (14 days, events.tf).
  rule {
    id     = "left-in-incoming"
    status = "Enabled"

    filter {
      prefix = "incoming/"
    }

    expiration {
      days = var.incoming_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.photographs]
}

data "aws_iam_policy_document" "photographs" {
  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.photographs.arn, "${aws_s3_bucket.photographs.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "OnlyNewTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.photographs.arn, "${aws_s3_bucket.photographs.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }
}

resource "aws_s3_bucket_policy" "photographs" {
  bucket = aws_s3_bucket.photographs.id
  policy = data.aws_iam_policy_document.photographs.json

  # Both settle access to the bucket, and S3 refuses to do two such things at once.
  depends_on = [aws_s3_bucket_public_access_block.photographs]
}
