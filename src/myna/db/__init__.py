"""The store: PostgreSQL is the truth. All SQL lives in this room; callers commit."""
