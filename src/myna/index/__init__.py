"""The index: derived from the store, rebuilt at any time. Text, vectors, and search over both."""
