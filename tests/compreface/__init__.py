"""CompreFace's protocol: a real server, real weights, its own clients."""
