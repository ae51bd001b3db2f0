"""Examines an instance from outside, each part by itself, and changes nothing (`kenspeckle doctor`)."""
