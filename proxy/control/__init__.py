"""The parent process: binds what is listened on, keeps it open, supervises workers, answers the admin port.

It stays small, because it does so little: the configuration was validated by the `xproto run` that became it
(`proxy.control.become`), so neither pydantic nor YAML nor click are here, and aiohttp only where an admin port is
configured. Modules: `sockets` (binding), `wire` (messages to workers and back), `child` (one worker process),
`supervisor` (all of them, respawned), `serve` (the life of the process: signals, drain, exit code).
"""
