"""TLS on both sides: what is configured, where certificates come from, and how a peer is judged.

`settings` and `material` are plain data, in control and in workers. `providers` and `store` are control's: they read
secrets and see when they change. `contexts`, `peer`, `verifiers` and `failures` are the workers': they make contexts of
secrets, and say who a peer is. The bytes themselves are `proxy.datapath.tls`'s.
"""
