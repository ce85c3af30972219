"""What a declaration gives other tools: a dissector for Wireshark, a page for people."""
