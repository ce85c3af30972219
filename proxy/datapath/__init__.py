"""The compiled datapath: calls from many downstream connections over few upstream ones.

Layers, each of which knows only those before it::

    clock, buffers, counters        no connections yet
    wheel, calls, transport         time, the calls in flight, bytes in and out
    core, conn                      the worker's turn; one connection: reads, frames, the out buffer
    caller                          who waits for answers
    carrier, upstream               the calls on one connection to a host; its life
    cluster                         hosts, choice, back-off
    decisions, downstream           frames to routes to clusters
    h2_exchange, h2_sender          one exchange on a stream of HTTP/2, and what is sent on it
    h2_stream, h2_connection        a stream of HTTP/2 as a transport, and what its connections have in common
    listener, engine                accepting, and the face to Python

It knows no protocol by name; `xproto.kernel.codec` tells it where a frame ends and what it is.
"""
