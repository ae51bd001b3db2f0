"""What the edges share: HTTP server, TLS, bodies, limits, errors, logs, metrics."""
