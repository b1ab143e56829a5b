"""The feeds: what comes from networks and archives, as events with a cursor, into the store."""
