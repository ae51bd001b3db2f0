"""The edge that speaks Amazon Rekognition's wire protocol."""
