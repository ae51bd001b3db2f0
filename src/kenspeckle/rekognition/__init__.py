"""The edge for Amazon Rekognition's protocol."""
