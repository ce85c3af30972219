"""TLS on both sides: what is configured, where certificates come from, and how a peer is judged.

`settings` and `material` are plain data, in control and in workers. Control's: `providers` (the interface of where secrets
come from), `files` (the one that is built in) and `registry` (which there are); `pem`, `decode` and `inspect` (is it any good,
and what does it say: `facts`); `needs` and `loading` (one secret, judged by what its users want of it); `entry`, `expiry`,
`polling`, `threads` and `store` (all of them, kept and renewed). `contexts`, `sides`, `choice`, `peer`, `verifiers` and
`failures` are the workers': they make contexts of secrets, and say who a peer is. The bytes themselves are
`proxy.datapath.tls`'s.
"""
