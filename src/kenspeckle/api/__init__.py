"""The REST edge: HTTP in, `ports.Recognizer` behind it, JSON with Rekognition's member names out."""
