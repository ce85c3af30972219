"""Bytes that were sent, as calls: hex, files, and captures of tcpdump, read by the declarations of the protocols.

    inputs.py        what was given: a capture, bytes, text that is hex
    capture.py       pcap and pcapng, as packets
    packets.py       link and IP headers, as TCP segments
    streams.py       segments, as the bytes of each direction, in order
    guess.py         which protocol, and which side is the client
    cutter.py        bytes of one direction, as frames; http.py: where HTTP/1.1's end
    message.py       one frame, as what it says
    values.py        what bodies hold: Thrift (thrift_values.py) and Hessian2 (hessian_values.py)
    conversation.py  one connection: messages, as calls
    run.py           all of it
    text.py, jsons.py, show.py   how it is written down

What always holds: whatever the bytes are, what cannot be read is said with its place and the rest is read; no more is kept
than `streams`, `cutter` and `conversation` bound by name.
"""
