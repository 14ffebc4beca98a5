"""Addresses of clients: single ones, networks, everybody, and how a list of them is written."""

import functools
import ipaddress
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from connector.config.values import Form, split_list

EVERYBODY = "*"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: tuple[Network, ...] = (
    ipaddress.IPv4Network("127.0.0.0/8"),
    ipaddress.IPv6Network("::1/128"),
)
_RIGHT = (
    "an address (10.1.2.3), a network (10.1.0.0/16 or 10.1.*.*), localhost, or * for everybody; "
    "names of hosts are not looked up"
)


@functools.lru_cache(maxsize=4096)
def address(text: str) -> Address | None:
    """The address in a text, or None. One of IPv4 that is written as IPv6 becomes IPv4."""
    try:
        found = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def networks(clients: Iterable[str]) -> tuple[Network, ...]:
    """The networks that entries of a list mean. Raises ValueError for what is none."""
    return tuple(network for client in clients for network in _networks(client))


def holds(known: Iterable[Network], peer: Address | None) -> bool:
    """Whether an address lies in one of the networks; None lies in none."""
    return peer is not None and any(
        peer.version == network.version and peer in network for network in known
    )


def _networks(client: str) -> tuple[Network, ...]:
    text = client.strip().casefold()
    if text == EVERYBODY:
        return ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0")
    if text == "localhost":
        return LOOPBACK
    parts = text.split(".")
    if len(parts) == 4 and "*" in parts:
        fixed = parts[: parts.index("*")]
        if set(parts[len(fixed) :]) == {"*"}:
            text = ".".join([*fixed, *["0"] * (4 - len(fixed))]) + f"/{8 * len(fixed)}"
    return (ipaddress.ip_network(text),)


def _checked(value: object) -> object:
    # One entry at a time, so that the message names the one that is wrong.
    for client in value if isinstance(value, tuple | list) else ():
        try:
            _networks(str(client))
        except ValueError:
            raise ValueError(f'"{client}" is none of {_RIGHT}') from None
    return value


Clients = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: split_list(value) if isinstance(value, str) else value),
    AfterValidator(_checked),
    Form(f"a list of these: {_RIGHT}", many=True),
]
