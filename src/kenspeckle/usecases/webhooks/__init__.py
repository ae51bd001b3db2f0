"""Webhooks: endpoints, what is told, how it is signed, and how it gets there."""
