output "bucket" {
  description = "Name and ARN of the bucket of photographs."
  value       = { name = aws_s3_bucket.photographs.bucket, arn = aws_s3_bucket.photographs.arn }

  # Who reads or writes photographs waits until the bucket is closed to everyone else.
  depends_on = [aws_s3_bucket_public_access_block.photographs, aws_s3_bucket_policy.photographs]
}

output "table" {
  description = "Name, ARN and indexes of the table of faces."
  value = {
    name    = aws_dynamodb_table.faces.name
    arn     = aws_dynamodb_table.faces.arn
    indexes = ["ByCollection", "ByName"]
  }
}
