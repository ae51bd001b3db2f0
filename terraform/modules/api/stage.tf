# The stage that clients reach, with its limits and logs.

locals {
  stage = "live"
}

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_158:Encrypted by CloudWatch; it holds addresses, ids of keys and ARNs of callers, no paths and no bodies.
  #checkov:skip=CKV_AWS_338:Addresses are personal data: how long they are kept is the operator's decision, var.log_days.
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_days
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  # A deployment is a snapshot: it is made anew when what it shows has changed.
  triggers = {
    routes = sha1(jsonencode([
      local.parts,
      local.routes,
      local.refusals,
      local.headers,
      aws_api_gateway_rest_api.this.binary_media_types,
      aws_api_gateway_rest_api.this.disable_execute_api_endpoint,
      aws_api_gateway_method.this,
      aws_api_gateway_integration.this,
    ]))
  }

  depends_on = [aws_api_gateway_gateway_response.this]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  #checkov:skip=CKV_AWS_120:What is found in a photograph is nobody else's answer, and nothing of it should lie in a cache.
  #checkov:skip=CKV_AWS_73:The access log has the time and the id of each request; tracing adds cost and a second place with personal data.
  #checkov:skip=CKV2_AWS_29:A firewall costs more than the rest at low load, so var.waf leaves the choice to the operator.
  #checkov:skip=CKV2_AWS_77:As CKV2_AWS_29; and no Java and so no Log4j is behind it.
  #checkov:skip=CKV2_AWS_4:The log of executions has paths and so names, and lies in a group that nobody removes; the access log says why a request failed.
  #checkov:skip=CKV2_AWS_51:A client certificate proves API Gateway to an HTTP server; Lambda is invoked through IAM.
  rest_api_id   = aws_api_gateway_rest_api.this.id
  deployment_id = aws_api_gateway_deployment.this.id
  stage_name    = local.stage

  # AWS refuses this until API Gateway has its role for logs, which bootstrap/ gives it once for account and region.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # The route's pattern and not the path, which has the name of whom the photograph shows.
    format = jsonencode({
      time          = "$context.requestTime"
      request_id    = "$context.requestId"
      address       = "$context.identity.sourceIp"
      api_key       = "$context.identity.apiKeyId"
      caller        = "$context.identity.userArn"
      method        = "$context.httpMethod"
      route         = "$context.resourcePath"
      status        = "$context.status"
      bytes         = "$context.responseLength"
      milliseconds  = "$context.responseLatency"
      function_ms   = "$context.integrationLatency"
      refused_as    = "$context.error.responseType"
      function_said = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_api_gateway_method_settings" "all" {
  #checkov:skip=CKV_AWS_225:See the stage: answers are not cached.
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = false # Numbers by method are billed one by one; the stage's are there anyway.
    logging_level          = "OFF" # Of the execution; the access log is the stage's.
    data_trace_enabled     = false # Bodies are photographs.
    throttling_rate_limit  = var.throttle.rate
    throttling_burst_limit = var.throttle.burst
  }
}

resource "aws_api_gateway_api_key" "this" {
  count = var.iam ? 0 : 1

  name = var.name
}

resource "aws_api_gateway_usage_plan" "this" {
  count = var.iam ? 0 : 1

  name = var.name

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.this.stage_name
  }

  throttle_settings {
    rate_limit  = var.throttle.rate
    burst_limit = var.throttle.burst
  }
}

resource "aws_api_gateway_usage_plan_key" "this" {
  count = var.iam ? 0 : 1

  key_id        = aws_api_gateway_api_key.this[0].id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.this[0].id
}
