output "api" {
  description = "Name of the function that answers requests, and the ARN that API Gateway invokes."
  value = {
    name       = aws_lambda_function.this["api"].function_name
    invoke_arn = aws_lambda_function.this["api"].invoke_arn
  }
}

output "names" {
  description = "Names of the functions, by what they do."
  value       = { for role, function in aws_lambda_function.this : role => function.function_name }
}

output "queues" {
  description = "Names of the queue of events and of the one of events that failed for good."
  value       = { events = aws_sqs_queue.events.name, failed = aws_sqs_queue.failed.name }
}
