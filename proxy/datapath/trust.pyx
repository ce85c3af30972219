"""Whose word is taken: for a client's address, or for what a request says of the hops before this one.

What always holds: an address that cannot be read is in no list.
"""

import ipaddress


cdef class Trust:
    def __cinit__(self, trusted):
        self.locals = "unix" in trusted
        self.networks = [ipaddress.ip_network(each) for each in trusted if each != "unix"]

    cdef bint holds(self, str peer) except -1:
        """Is this one, as `Transport.peer` writes it, in the list?"""
        if not self.locals and not self.networks:
            return False
        if peer.startswith("unix:"):
            return self.locals
        try:
            address = ipaddress.ip_address(peer.rpartition(":")[0].strip("[]"))
        except ValueError:
            return False                # gone already
        address = getattr(address, "ipv4_mapped", None) or address
        for network in self.networks:
            if address in network:
                return True
        return False
