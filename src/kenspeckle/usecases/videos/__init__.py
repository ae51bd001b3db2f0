"""Stored videos: jobs that look at sampled frames, track faces, and say who was seen from when to when."""
