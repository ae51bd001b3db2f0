"""Names of people in photographs' own metadata: regions of XMP, read from files and sidecars, written to sidecars."""
