"""Measuring models: what they cost in bits, know, remember, refuse and answer; against gates."""
