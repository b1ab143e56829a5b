"""Myna: the AI of a social network that belongs to the network itself."""

__version__ = "0.1.0"
