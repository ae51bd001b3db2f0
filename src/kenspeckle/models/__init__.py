"""Model packs: what they are made of, how they are downloaded, converted and installed."""
