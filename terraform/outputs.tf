locals {
  url = one(module.domain[*].url) != null ? one(module.domain[*].url) : module.api.url
}

output "url" {
  description = "Where the API answers."
  value       = local.url
}

output "api_key" {
  description = "Name and id of the API key, null with `authorization = \"IAM\"`. Its value: see `how_to_call`."
  value       = module.api.key
}

output "bucket" {
  description = "Bucket of photographs. What is put below incoming/ is indexed under its file name."
  value       = module.storage.bucket.name
}

output "collection" {
  description = "Id of Rekognition's collection of faces."
  value       = module.recognition.collection.id
}

output "table" {
  description = "DynamoDB table of faces."
  value       = module.storage.table.name
}

output "dashboard" {
  description = "Where requests, errors and faces can be seen."
  value       = module.monitoring.dashboard
}

output "failed_events" {
  description = "Queue of photographs that could not be indexed."
  value       = module.functions.queues.failed
}

output "invoke_arn" {
  description = "What a policy of IAM allows execute-api:Invoke on, for those who may call the API with `authorization = \"IAM\"`."
  value       = "${module.api.rest_api.arn}/*"
}

output "how_to_call" {
  description = "The first calls, to be pasted into a shell."
  value = join("\n", concat(
    var.authorization == "IAM" ? [
      "eval \"$(aws configure export-credentials --format env)\"",
      "set -- --aws-sigv4 aws:amz:${var.aws_region}:execute-api --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" -H \"x-amz-security-token: $AWS_SESSION_TOKEN\"",
      ] : [
      "KEY=$(aws apigateway get-api-key --region ${var.aws_region} --api-key ${module.api.key.id} --include-value --query value --output text)",
      "set -- -H \"x-api-key: $KEY\"",
    ],
    [
      "curl \"$@\" ${local.url}/v1/info",
      "curl \"$@\" -T Grace-Hopper.jpg ${local.url}/v1/index/Grace-Hopper.jpg",
      "curl \"$@\" --data-binary @who-is-this.jpg ${local.url}/v1/search",
      "aws s3 cp Grace-Hopper.jpg s3://${module.storage.bucket.name}/incoming/",
      "",
    ],
  ))
}
