output "collection" {
  description = "Id and ARN of the collection of faces."
  value       = { id = aws_rekognition_collection.faces.collection_id, arn = aws_rekognition_collection.faces.arn }
}
