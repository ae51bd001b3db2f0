output "backend" {
  description = "The rest of the backend's configuration, for ../state.config."
  value = join("", [
    "bucket = \"${aws_s3_bucket.state.bucket}\"\n",
    "key    = \"${var.shared_resource_name}.tfstate\"\n",
    "region = \"${var.aws_region}\"\n",
    join("", [for table in aws_dynamodb_table.lock : "dynamodb_table = \"${table.name}\"\n"]),
  ])
}
