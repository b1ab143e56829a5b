"""The model road: what a network trains its own model with. Nothing of the live road imports it."""
