"""What a frame made by hand is given as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Example = Mapping[str, Any] | bytes
"""Field values to build a frame from, or the frame itself."""
