"""The managed recognizer: Amazon Rekognition, a DynamoDB table of faces and an S3 bucket of photographs."""
