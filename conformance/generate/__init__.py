"""Frames to judge: drawn from a layout, derived from a Plan, mutated."""
