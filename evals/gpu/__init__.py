"""Benchmarks that want a GPU; each also runs on a processor, with settings that are small enough."""
