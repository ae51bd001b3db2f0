"""Vision: from the bytes of a photograph to faces with templates."""
