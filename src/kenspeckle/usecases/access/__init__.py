"""Access: keys, authentication, authorization, plans and rate limits."""
