# The REST API: which routes there are, and that the function answers them. What it answers is the function's affair.

locals {
  routes = {
    index    = { resource = aws_api_gateway_resource.index.id, method = "PUT", parameters = { "method.request.path.filename" = true } }
    search   = { resource = aws_api_gateway_resource.search.id, method = "POST", parameters = {} }
    search_2 = { resource = aws_api_gateway_resource.search.id, method = "PUT", parameters = {} }
    others   = { resource = aws_api_gateway_resource.others.id, method = "ANY", parameters = { "method.request.path.proxy" = true } }
  }
}

resource "aws_api_gateway_rest_api" "this" {
  name                         = var.name
  description                  = "Kenspeckle: index and search faces."
  binary_media_types           = ["*/*"] # Photographs come under any name; a thumbnail goes out as it is.
  disable_execute_api_endpoint = var.own_domain

  endpoint_configuration {
    types = ["REGIONAL"]
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
  authorization        = "NONE"
  api_key_required     = true
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
