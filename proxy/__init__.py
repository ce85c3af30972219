"""Everything with I/O: configuration, processes, listeners, the datapath, and what is observed of them.

Nothing is imported here, so that a worker carries only what it runs and `xproto --help` stays fast.
"""

__version__ = "0.1.0"
