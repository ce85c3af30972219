FAULT_NAMES: tuple[str, ...]
