"""The scenarios that make the golden vectors, one module for each pair of real peers."""
