"""Kenspeckle: face recognition as a REST API, on your own machine."""

from importlib.metadata import version

__version__ = version("kenspeckle")
