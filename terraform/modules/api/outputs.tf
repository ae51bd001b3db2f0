output "url" {
  description = "Where the stage answers, under the name that AWS gives it."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "rest_api" {
  description = "Id and name of the API, and its stage."
  value = {
    id    = aws_api_gateway_rest_api.this.id
    name  = aws_api_gateway_rest_api.this.name
    stage = aws_api_gateway_stage.this.stage_name
  }
}

output "key" {
  description = "Id and name of the API key; its value stays out of outputs."
  value       = { id = aws_api_gateway_api_key.this.id, name = aws_api_gateway_api_key.this.name }
}
