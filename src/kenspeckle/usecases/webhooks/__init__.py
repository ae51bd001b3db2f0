"""Webhooks: endpoints, events, signing, delivery."""
