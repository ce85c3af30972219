"""Thrift: a message is a call, a reply, an exception or a oneway; forms differ in how they write it and where it ends.

Source of the formats: the Thrift specifications of the binary and the compact protocol, as Apache Thrift publishes them.
`name` is the method, or ``Service:method`` where several services share a port (TMultiplexedProtocol).

Stock servers answer one call after the other, and stock clients read answers in the order of their requests without
looking at the id (thriftpy2 sends 0 in all of them): so connections are not shared, unless a cluster says that its
servers allow it, and answers keep their order. THeader clients tell answers apart by their id.
"""

from xproto.codecs.thrift.dubbothrift import dubbothrift
from xproto.codecs.thrift.plain import (
    thrift,
    thrift_compact,
    thrift_old,
    thrift_unframed,
    thrift_unframed_compact,
    thrift_unframed_old,
)
from xproto.codecs.thrift.theader import thrift_header, thrift_header_compact
from xproto.codecs.thrift.ttwitter import ttwitter

THRIFTS = (
    ttwitter(),
    thrift(),
    thrift_compact(),
    thrift_header(),
    thrift_header_compact(),
    dubbothrift(),
    thrift_unframed(),
    thrift_unframed_compact(),
    thrift_old(),
    thrift_unframed_old(),
)
"""In rank order. Only the first two can be had by the same bytes: an upgrade to TTwitter is a call of plain Thrift."""
