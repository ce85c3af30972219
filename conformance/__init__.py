"""The codec conformance kit: independent judges of a protocol, and vectors that are hard on it."""
