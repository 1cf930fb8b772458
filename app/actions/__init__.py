"""Use cases: one function per thing the portal can do. They flush, write history and audit, and never commit."""
