"""Hosts that users name: whatever form an address is written in, it is what it stands for that counts."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.confinement.hosts import HostRules
from producers.confinement.refused import SourceRefused

NAMES = {
    "cam.example": ["10.0.0.7"],
    "public.example": ["93.184.215.14"],
    "two.example": ["93.184.215.14", "127.0.0.1"],
    "home.example": ["127.0.0.1"],
    "meta.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:169.254.169.254"],
    "six.example": ["2606:2800:21f:cb07:6820:80da:af6b:8b2c"],
    "a.sub.example": ["10.0.0.8"],
    "badsub.example": ["10.0.0.9"],
}


def rules(text: str) -> HostRules:
    def resolve(host: str) -> list[str]:
        if host not in NAMES:
            raise OSError
        return NAMES[host]

    return HostRules(text, resolve)


TRICKS = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001"),
    *("0.0.0.0", "0", "0.0.0.1", "00000.0.0.0", "169.254.169.254", "2852039166", "0xa9fea9fe", "169.254.43518"),  # noqa: S104 - nothing is bound
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]"),
    *("[fe80::1]", "[fe80::1%eth0]", "[fd00:ec2::254]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]"),
    *("[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::]", "[ff02::1]", "[fec0::1]", "[::ffff:8.8.8.8]"),
    *("10.0.0.7", "192.168.1.1", "172.16.0.1", "100.100.100.200", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
    *("localhost", "localhost.", "cam.example", "home.example", "meta.example", "mapped.example", "two.example"),
    *(
        "127。0。0。1",
        "\uff11\uff12\uff17.0.0.1",
        "127.0.0.1.",
        "public.example.",
        "public.example%00",
        "public.example\r\nX:",
        "",
    ),
    *("none.example", "ⓛocalhost", "1.2.3.4.5", "[]", "[::1", "::1", "a..b", "-a.example", "public"),
]


@pytest.mark.parametrize("host", TRICKS)
def test_public_lets_no_way_inside_through(host: str) -> None:
    with pytest.raises(SourceRefused):
        rules("public").pinned(host)


@pytest.mark.parametrize("host", ["93.184.215.14", "public.example", "PUBLIC.Example", "six.example"])
def test_public_lets_the_internet_through(host: str) -> None:
    assert rules("public").pinned(host).is_global
    with pytest.raises(SourceRefused):
        rules("public").pinned(host, trusted=True)


def test_nothing_is_let_through_by_nothing() -> None:
    with pytest.raises(SourceRefused):
        rules("").pinned("public.example")


def test_a_name_lets_private_addresses_through_but_not_the_machine_itself() -> None:
    named = rules("cam.example, home.example,meta.example,mapped.example,two.example")
    assert named.pinned("cam.example", trusted=True) == IPv4Address("10.0.0.7")
    for name in ("home.example", "meta.example", "mapped.example", "two.example", "public.example"):
        with pytest.raises(SourceRefused):
            named.pinned(name)


def test_a_dot_in_front_means_what_is_below() -> None:
    assert rules(".sub.example").pinned("a.sub.example") == IPv4Address("10.0.0.8")
    for name in ("badsub.example", "sub.example"):
        with pytest.raises(SourceRefused):
            rules(".sub.example").pinned(name)


def test_a_network_lets_through_what_lies_in_it_loopback_too() -> None:
    own = rules("127.0.0.0/8, 10.0.0.7,fd00::/8")
    assert own.pinned("home.example", trusted=True) == IPv4Address("127.0.0.1")
    assert own.pinned("[fd00::1]") == IPv6Address("fd00::1")
    assert own.pinned("cam.example") == own.pinned("10.0.0.7")
    for host in ("10.0.0.8", "two.example", "[::ffff:127.0.0.1]"):
        with pytest.raises(SourceRefused):
            own.pinned(host)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_no_spelling_of_an_inner_address_is_public(address: IPv4Address) -> None:
    a, b, c, d = address.packed
    spellings = [
        *(str(address), str(int(address)), hex(int(address)), oct(int(address)).replace("0o", "0")),
        *(f"{a}.{(b << 16) | (c << 8) | d}", f"{a:#x}.{b:#x}.{c:#x}.{d:#x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        *(f"[::ffff:{address}]", f"[64:ff9b::{address}]", f"[2002:{int(address) >> 16:x}:{int(address) & 65535:x}::1]"),
    ]
    for host in spellings:
        with pytest.raises(SourceRefused):
            rules("public").pinned(host)


@given(st.ip_addresses())
def test_what_public_lets_through_is_global(address: IPv4Address | IPv6Address) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    try:
        found = rules("public").pinned(host)
    except SourceRefused:
        return
    assert found == ip_address(str(address))
    assert address.is_global
    assert not any((address.is_multicast, address.is_loopback, address.is_link_local))


def test_a_name_that_changes_its_mind_is_asked_anew_and_found_out() -> None:
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])
    flipping = HostRules("public", lambda _: next(answers))
    assert flipping.pinned("flip.example") == IPv4Address("93.184.215.14")
    with pytest.raises(SourceRefused):
        flipping.pinned("flip.example")


@pytest.mark.parametrize("item", ["10.0.0.0/99", "a b", "http://cam", "-", "*"])
def test_a_rule_that_is_none_is_named(item: str) -> None:
    with pytest.raises(ValueError, match="expected a name"):
        rules(item)
