# The optional firewall: known attacks and floods of one address are stopped before they are billed as requests.

resource "aws_wafv2_web_acl" "this" {
  count = var.waf ? 1 : 0

  name  = var.name
  scope = "REGIONAL"

  default_action {
    allow {}
  }

  rule {
    name     = "known-bad-inputs"
    priority = 1

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        vendor_name = "AWS"
        name        = "AWSManagedRulesKnownBadInputsRuleSet"
      }
    }

    visibility_config {
      metric_name                = "${var.name}-known-bad-inputs"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "one-address"
    priority = 2

    action {
      block {}
    }

    # Twice what the API takes, over five minutes.
    statement {
      rate_based_statement {
        limit                 = max(100, ceil(var.throttle.rate * 600))
        aggregate_key_type    = "IP"
        evaluation_window_sec = 300
      }
    }

    visibility_config {
      metric_name                = "${var.name}-one-address"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    metric_name                = var.name
    cloudwatch_metrics_enabled = true
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  count = var.waf ? 1 : 0

  resource_arn = aws_api_gateway_stage.this.arn
  web_acl_arn  = aws_wafv2_web_acl.this[0].arn
}

resource "aws_cloudwatch_log_group" "firewall" {
  #checkov:skip=CKV_AWS_158:Encrypted by CloudWatch; keys, paths and queries are redacted.
  #checkov:skip=CKV_AWS_338:Addresses are personal data: how long they are kept is the operator's decision, var.log_days.
  count = var.waf ? 1 : 0

  name              = "aws-waf-logs-${var.name}" # AWS takes no name that begins otherwise.
  retention_in_days = var.log_days
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  count = var.waf ? 1 : 0

  resource_arn            = aws_wafv2_web_acl.this[0].arn
  log_destination_configs = [aws_cloudwatch_log_group.firewall[0].arn]

  redacted_fields {
    single_header {
      name = "x-api-key"
    }
  }

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  redacted_fields {
    uri_path {}
  }

  redacted_fields {
    query_string {}
  }

  # Headers are redacted by their whole names, and clients make up the rest of x-amz-meta-*: so of what was let through there is no
  # line here (the access log has one, without names), and of what was blocked these headers are in it.
  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }
    }
  }
}
