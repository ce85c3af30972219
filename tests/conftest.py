"""No test here is timed: how long an example takes says something about the machine only."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
