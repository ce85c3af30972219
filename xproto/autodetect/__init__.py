"""Which protocol do a connection's first bytes belong to?

- signature: a protocol's Plan -> cubes: which byte values can stand at which offset.
- strangers: cubes of what is recognised and not declared: TLS, HTTP/1, HTTP/2, the PROXY protocol.
- detector: all of these in rank order; the asking is compiled (`xproto.kernel.detector`).
- proof: no two protocols of a listener claim the same bytes, and none waits for bytes that may never come.
- proxy_protocol: the header that a balancer puts in front.
- client_hello: the server's name and the protocols that a TLS client offers.
"""

from xproto.autodetect.detector import Detector
from xproto.autodetect.proof import Finding, prove
from xproto.autodetect.signature import Cube, signature

__all__ = ["Cube", "Detector", "Finding", "prove", "signature"]
