"""Bluesky and every other part of the AT network: Jetstream or a relay, and what it does not tell."""
