"""Amazon Rekognition's member names: the core's data as JSON, and JSON as the core's data."""
