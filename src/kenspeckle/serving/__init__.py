"""The serving floor under both edges: HTTP server, TLS, bodies, limits, logs, metrics."""
