"""The compiled datapath: calls from many downstream connections over few upstream ones.

Layers, each of which knows only those before it::

    clock, buffers, counters        no connections yet
    wheel, calls, transport         time, the calls in flight, bytes in and out
    conn                            one connection: reads, frames, the out buffer, and the worker's turn
    caller, upstream                who waits for an answer, and who gives it
    cluster                         hosts, choice, back-off
    decisions, downstream           frames to routes to clusters
    listener, engine                accepting, and the face to Python

It knows no protocol by name; `xproto.kernel.codec` tells it where a frame ends and what it is.
"""
