"""Reads: functions that take a session and an actor and never write."""
