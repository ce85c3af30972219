"""Which hosts calls may go to, and which of them a hash means. Pure: no sockets, no clock, no loop, no randomness."""
