"""Addresses: as they are told to routes, and which networks they are in."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.networks import Networks, is_in, plain_address

NETWORKS = ["0.0.0.0/0", "10.0.0.0/8", "10.128.0.0/9", "10.1.2.3/32", "192.0.2.0/31", "::/0", "fd00::/8", "fd00::1/128"]
addresses = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(["10.1.2.3", "10.200.0.1", "192.0.2.1", "192.0.2.2", "fd00::1", "fdff::", "fe80::1"]),
)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("10.0.0.1:9200", "10.0.0.1"),
        ("[::1]:9200", "::1"),
        ("::1:9200", "::1"),
        ("fe80::1%eth0:9200", "fe80::1"),
        ("[::ffff:10.0.0.1]:1", "10.0.0.1"),
        ("unix:b''", "unix"),
        ("gone", None),
        ("closed", None),
        ("?", None),
    ],
)
def test_the_address_of_a_peer(peer: str, address: str | None) -> None:
    assert plain_address(peer) == address


@given(st.lists(st.sampled_from(NETWORKS), unique=True), addresses)
def test_an_address_is_in_the_networks_that_have_it(networks: list[str], address: str) -> None:
    found = Networks({network.encode(): [at] for at, network in enumerate(networks)}).find(address.encode())
    parsed = ipaddress.ip_address(address)
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    for at, network in enumerate(networks):
        wanted = parsed in ipaddress.ip_network(network)
        assert (found >> at & 1 == 1) is wanted
        assert is_in(address.encode(), network) is wanted


@pytest.mark.parametrize("value", [b"", b"unix", b"10.0.0", b"10.0.0.1:80", b"\xff", b"1" * 5000, b"::ffff:10.0.0.300"])
def test_what_is_no_address_is_nowhere(value: bytes) -> None:
    networks = Networks({network.encode(): [at] for at, network in enumerate(NETWORKS)})
    assert networks.find(value) == 0
    assert not any(is_in(value, network) for network in NETWORKS)


def test_a_mapped_address_is_the_one_that_it_stands_for() -> None:
    networks = Networks({b"10.0.0.0/8": [0], b"::ffff:10.0.0.0/104": [1], b"::/0": [2]})
    assert networks.find(b"::ffff:10.9.9.9") == networks.find(b"10.9.9.9") == 0b011
