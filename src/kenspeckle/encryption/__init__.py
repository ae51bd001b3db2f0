"""Encryption: the master key, AWS KMS, and ciphers."""
