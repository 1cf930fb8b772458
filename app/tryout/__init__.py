"""What ``python3 run.py`` starts beside the portal, so that a fresh machine needs no service of its own."""
