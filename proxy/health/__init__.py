"""Active health checks, as far as they are pure: what a result means for a host, and what is said on the wire."""
