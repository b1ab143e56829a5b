"""Mastodon and what speaks its API: timelines of instances, and what has become of their posts."""
