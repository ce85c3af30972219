"""Types of the compiled module."""

from xproto.plan import Plan

class Program:
    plan: Plan
    def __init__(self, plan: Plan) -> None: ...
