"""The parent process: binds what is listened on, keeps it open, supervises workers, answers the admin port.

It stays small, because it does so little: the configuration was validated by the `xproto run` that became it
(`proxy.control.become`) and is validated again by a child (`validator`), so neither pydantic nor YAML nor click are here,
and aiohttp only where an admin port is configured. Modules: `sockets` (binding), `state` (what is in force, and the step
to the next), `wire` and `channel` (messages to workers and back), `child` (one worker process), `supervisor` (all of them,
respawned), `changes` and `reload` (a new configuration, whole or not at all), `serve` (the life of the process: signals,
drain, exit code).
"""
