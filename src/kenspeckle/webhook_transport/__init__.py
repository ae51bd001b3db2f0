"""Sends webhooks: which addresses may be reached, and the requests to them."""
