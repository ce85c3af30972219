"""The protocol framework: a protocol is one declaration, and everything else follows from it."""

__version__ = "0.1.0"
