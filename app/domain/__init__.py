"""Rules: pure functions over facts; the standard library only."""
