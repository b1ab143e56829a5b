"""X by its API, version 2: what matches rules, mentions, and what must be deleted again."""
