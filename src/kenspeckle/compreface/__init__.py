"""CompreFace's REST protocol, version 1: its clients work against Kenspeckle by another address."""
