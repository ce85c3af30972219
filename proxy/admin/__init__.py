"""The admin port: what the proxy counts, whether it takes traffic, and what it was told. Imported only if configured."""
