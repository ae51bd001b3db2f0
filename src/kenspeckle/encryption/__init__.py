"""Encryption: the master key, ciphers, and the form of encrypted photographs."""
