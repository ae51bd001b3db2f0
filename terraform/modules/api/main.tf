# The REST API: which routes there are, and that the function answers them. What it answers is the function's affair.

locals {
  routes = merge(local.asked, length(var.cors_origins) > 0 ? local.preflights : {})

  asked = {
    index    = { resource = aws_api_gateway_resource.index.id, method = "PUT", parameters = { "method.request.path.filename" = true }, open = false }
    search   = { resource = aws_api_gateway_resource.search.id, method = "POST", parameters = {}, open = false }
    search_2 = { resource = aws_api_gateway_resource.search.id, method = "PUT", parameters = {}, open = false }
    others   = { resource = aws_api_gateway_resource.others.id, method = "ANY", parameters = { "method.request.path.proxy" = true }, open = false }
  }

  # What a browser asks before it sends the key (CORS): without one, so it must not need one. The function answers from its setting.
  preflights = {
    index_preflight  = { resource = aws_api_gateway_resource.index.id, method = "OPTIONS", parameters = { "method.request.path.filename" = true }, open = true }
    search_preflight = { resource = aws_api_gateway_resource.search.id, method = "OPTIONS", parameters = {}, open = true }
    others_preflight = { resource = aws_api_gateway_resource.others.id, method = "OPTIONS", parameters = { "method.request.path.proxy" = true }, open = true }
  }

  # All that a path is made of.
  parts = [
    aws_api_gateway_resource.v1.path_part,
    aws_api_gateway_resource.index_folder.path_part,
    aws_api_gateway_resource.index.path_part,
    aws_api_gateway_resource.search.path_part,
    aws_api_gateway_resource.others.path_part,
  ]
}

resource "aws_api_gateway_rest_api" "this" {
  name                         = var.name
  description                  = "Kenspeckle: index and search faces."
  binary_media_types           = ["*/*"] # Photographs come under any name; a thumbnail goes out as it is.
  disable_execute_api_endpoint = var.own_domain

  # TLS 1.2 and 1.3 with forward secrecy; without it the name that AWS gives takes TLS 1.0.
  security_policy      = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"
  endpoint_access_mode = "BASIC"

  endpoint_configuration {
    types           = ["REGIONAL"]
    ip_address_type = "dualstack"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_resource" "v1" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = "v1"
}

resource "aws_api_gateway_resource" "index_folder" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.v1.id
  path_part   = "index"
}

resource "aws_api_gateway_resource" "index" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.index_folder.id
  path_part   = "{filename+}"
}

resource "aws_api_gateway_resource" "search" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.v1.id
  path_part   = "search"
}

resource "aws_api_gateway_resource" "others" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.v1.id
  path_part   = "{proxy+}"
}

resource "aws_api_gateway_request_validator" "this" {
  rest_api_id                 = aws_api_gateway_rest_api.this.id
  name                        = "parameters"
  validate_request_parameters = true
  validate_request_body       = false # A photograph has no JSON schema; the function judges its bytes.
}

resource "aws_api_gateway_method" "this" {
  for_each = local.routes

  rest_api_id          = aws_api_gateway_rest_api.this.id
  resource_id          = each.value.resource
  http_method          = each.value.method
  authorization        = !each.value.open && var.iam ? "AWS_IAM" : "NONE"
  api_key_required     = !each.value.open && !var.iam
  request_validator_id = aws_api_gateway_request_validator.this.id
  request_parameters   = each.value.parameters
}

resource "aws_api_gateway_integration" "this" {
  for_each = local.routes

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = each.value.resource
  http_method             = aws_api_gateway_method.this[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST" # How Lambda is invoked, whatever the client's method is.
  uri                     = var.function.invoke_arn
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api-gateway"
  action        = "lambda:InvokeFunction"
  function_name = var.function.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/${local.stage}/*"
}
