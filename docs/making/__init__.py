"""Makes the parts of the documentation that come from code, and the pictures (`make docs`, `make pictures`)."""
