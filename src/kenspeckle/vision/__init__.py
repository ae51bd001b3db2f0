"""Vision: from bytes to faces with templates; and the model packs that it runs on."""
