"""Checks of an instance, each independent of the others; nothing is changed (`kenspeckle doctor`)."""
