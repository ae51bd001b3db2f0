"""Composition: the only place where every part is made and put together."""
