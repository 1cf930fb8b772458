"""Mail: words from templates, and a connection that ends in time and checks certificates. Used by ``app/jobs`` only."""
