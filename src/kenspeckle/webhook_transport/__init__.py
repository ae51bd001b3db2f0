"""Carries webhooks out: which addresses may be reached, and how a request to one is made."""
