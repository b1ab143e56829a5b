"""Benchmarks: each is ``python -m evals.NAME [--json OUT]`` and prints a table."""
