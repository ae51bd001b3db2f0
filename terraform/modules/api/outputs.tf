output "url" {
  description = "Where the stage answers, under the name that AWS gives it."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "rest_api" {
  description = "Id and name of the API, its stage, and the ARN that a policy of IAM names it by."
  value = {
    id    = aws_api_gateway_rest_api.this.id
    name  = aws_api_gateway_rest_api.this.name
    stage = aws_api_gateway_stage.this.stage_name
    arn   = "${aws_api_gateway_rest_api.this.execution_arn}/${aws_api_gateway_stage.this.stage_name}"
  }
}

output "key" {
  description = "Id and name of the API key, null where IAM decides; its value stays out of outputs."
  value       = one([for key in aws_api_gateway_api_key.this : { id = key.id, name = key.name }])
}
