from typing import Any

from proxy.datapath.simulated_loop import SimulatedLoop

class SimulatedNetwork:
    hosts: dict[str, Any]
    open: int
    full: bool
    short_in_1000: int
    window: int
    def __init__(self, loop: SimulatedLoop) -> None: ...
    def listen(self, fd: int) -> None: ...
    def dial(self, fd: int, peer: Any) -> Any: ...
