"""Measurements of the product against its peers and its own limits; `python -m benchmarks.run` makes them all."""
