"""Who may send what, by address and by what a proxy says; without a socket."""

import ipaddress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.aci.authorization import Admission, Authorization, Caller
from connector.aci.peer import Peer, peer_of
from connector.aci.permissions import ACTIONS, CONTROLLING, EVERY_ROLE, SERVICE_ACTIONS, Role
from connector.aci.refusals import Refusals, Refused
from connector.config.peers import address, networks
from connector.db.api_keys import ApiKey
from tests.aci.serving import settings

Strings = dict[str, str]


def authorization(**environment: str) -> Authorization:
    return Authorization(settings("sqlite:////nowhere/x.db", **environment))


def roles_of(caller: Caller) -> set[Role]:
    return {role for role in Role if caller.has(role)}


def at(text: str, *identities: str) -> Peer:
    return Peer(address(text), identities=identities)


def role(name: str, number: int = 0, **keys: str) -> Strings:
    found = {f"CONNECTOR_AUTHORIZATIONROLES_{number}": name}
    return found | {f"CONNECTOR_{name.upper()}_{key.upper()}": text for key, text in keys.items()}


def test_by_default_this_machine_has_every_role_and_others_all_but_control() -> None:
    chosen = authorization()
    assert roles_of(chosen.by_peer(at("127.0.0.1"))) == EVERY_ROLE
    assert roles_of(chosen.by_peer(at("::1"))) == EVERY_ROLE
    assert roles_of(chosen.by_peer(at("10.0.0.1"))) == EVERY_ROLE - CONTROLLING


def test_where_the_server_listens_elsewhere_a_stranger_has_no_role_by_default() -> None:
    chosen = authorization(CONNECTOR_SERVER_HOST="0.0.0.0")
    assert roles_of(chosen.by_peer(at("127.0.0.1"))) == EVERY_ROLE
    assert roles_of(chosen.by_peer(at("10.0.0.1"))) == set()
    assert roles_of(chosen.by_peer(Peer(None))) == set()


def test_defined_roles_take_the_place_of_the_defaults() -> None:
    chosen = authorization(**role("Ops", standardroles="admin", clients="10.0.0.1"))
    assert roles_of(chosen.by_peer(at("10.0.0.1"))) == {Role.ADMIN}, "Admin does not imply Query"
    assert roles_of(chosen.by_peer(at("127.0.0.1"))) == set()


def test_a_client_has_all_roles_that_it_matches() -> None:
    chosen = authorization(
        **role("Ops", 0, standardroles="Admin", clients="10.0.0.1"),
        **role("All", 1, standardroles="Query,ServiceStatus", clients="*"),
    )
    assert roles_of(chosen.by_peer(at("10.0.0.1"))) == {
        Role.ADMIN,
        Role.QUERY,
        Role.SERVICE_STATUS,
    }


@pytest.mark.parametrize(
    ("clients", "inside", "outside"),
    [
        ("10.1.0.0/16", "10.1.255.1", "10.2.0.1"),
        ("10.1.*.*", "10.1.255.1", "10.2.0.1"),
        ("2001:db8::/32", "2001:db8::7", "2001:db9::7"),
        ("localhost", "127.9.9.9", "128.0.0.1"),
        ("10.0.0.1", "::ffff:10.0.0.1", "::ffff:10.0.0.2"),
    ],
)
def test_clients_are_addresses_networks_and_patterns(
    clients: str, inside: str, outside: str
) -> None:
    chosen = authorization(**role("Ops", standardroles="*", clients=clients))
    assert roles_of(chosen.by_peer(at(inside))) == EVERY_ROLE
    assert roles_of(chosen.by_peer(at(outside))) == set()


def test_a_role_with_address_and_identity_wants_both() -> None:
    chosen = authorization(
        **role("Ops", standardroles="*", clients="10.0.0.1", sslidentities="robot")
    )
    assert roles_of(chosen.by_peer(at("10.0.0.1", "x", "ROBOT"))) == EVERY_ROLE
    assert roles_of(chosen.by_peer(at("10.0.0.1", "other"))) == set()
    assert roles_of(chosen.by_peer(at("10.0.0.2", "robot"))) == set()


def test_a_role_with_neither_is_nobodys() -> None:
    chosen = authorization(**role("Ops", standardroles="*"))
    assert roles_of(chosen.by_peer(at("127.0.0.1", "robot"))) == set()


def test_actions_that_a_role_names_may_be_sent_besides() -> None:
    chosen = authorization(
        **role("Probe", clients="10.0.0.1", actions="getstatus", serviceactions="GetConfig")
    )
    caller = chosen.by_peer(at("10.0.0.1"))
    assert caller.may("GetStatus", asynchronous=False)
    assert not caller.may("GetVersion", asynchronous=False)
    assert not caller.may("GetConfig", asynchronous=False)
    assert caller.may("GETCONFIG", asynchronous=False, service=True)
    assert not caller.may("GetStatus", asynchronous=False, service=True)


@pytest.mark.parametrize(
    ("action", "asynchronous", "wanted"),
    [
        ("Fetch", True, Role.QUERY),
        ("QueueInfo", False, Role.QUERY),
        ("GetVersion", False, Role.QUERY),
        ("GetStatus", False, Role.ADMIN),
        ("RestoreServer", False, Role.ADMIN),
        ("SomethingNew", False, Role.ADMIN),
    ],
)
def test_each_action_wants_a_role(action: str, asynchronous: bool, wanted: Role) -> None:
    for held in Role:
        chosen = authorization(**role("R", standardroles=held, clients="*"))
        caller = chosen.by_peer(at("10.0.0.1"))
        assert caller.may(action, asynchronous=asynchronous, queue="x") is (held is wanted)


ROLE_ACTIONS = [
    *((action, wanted, False) for action, wanted in ACTIONS.items()),
    *((action, wanted, True) for action, wanted in SERVICE_ACTIONS.items()),
    ("Stop", Role.SERVICE_CONTROL, True),
]


@pytest.mark.parametrize(("action", "wanted", "service"), ROLE_ACTIONS)
def test_a_key_held_to_a_queue_has_nothing_of_what_concerns_all(
    action: str, wanted: Role, service: bool
) -> None:
    def keyed(*queues: str) -> Caller:
        now = datetime.now(UTC)
        key = ApiKey("id", "ci", "", tuple(Role), queues or None, now, "me", None, None, None)
        return authorization().by_key(at("127.0.0.1"), key)

    assert keyed().may(action, asynchronous=False, service=service)
    held = keyed("Other").may(action, asynchronous=False, service=service)
    assert held is (wanted is Role.QUERY)
    assert keyed("Other").has(wanted)
    assert not keyed("Other").has(wanted, everywhere=True)
    assert keyed().has(wanted, everywhere=True)


def forwarded(peer: str, *headers: tuple[bytes, bytes], trusted: str = "") -> Peer:
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    scope = {"client": (peer, 1), "state": {"tls_identities": ("robot",)}}
    return peer_of(scope, found, networks(trusted.split(",") if trusted else ()))


XFF = b"x-forwarded-for"

ADDED = (
    *(b"x-forwarded" + more for more in (b"", b"-for", b"-host", b"-server", b"-port", b"-proto")),
    *(b"x-forwarded" + more for more in (b"-ssl", b"-protocol", b"-scheme", b"-prefix")),
    *(b"forwarded", b"via", b"cdn-loop", b"client-ip", b"x-client-ip", b"x-real-ip"),
    *(b"x-original-forwarded-for", b"x-cluster-client-ip", b"x-envoy-external-address"),
    *(b"cf-connecting-ip", b"true-client-ip", b"fastly-client-ip", b"fly-client-ip"),
)
"""What proxies of all sorts add, each alone."""


def test_a_forwarded_request_of_a_peer_that_is_not_trusted_is_never_admin() -> None:
    for name in ADDED:
        peer = forwarded("127.0.0.1", (name, b"127.0.0.1"))
        caller = authorization().by_peer(peer)
        assert roles_of(caller) == EVERY_ROLE - CONTROLLING
        assert not caller.may("GetStatus", asynchronous=False)
        named = authorization(**role("R", clients="*", actions="GetStatus", standardroles="*"))
        assert not named.by_peer(peer).may("GetStatus", asynchronous=False)


def test_of_a_trusted_proxy_the_nearest_address_that_is_none_of_ours_counts() -> None:
    trusted = "127.0.0.1,10.0.0.0/8"
    for value, client in (
        (b"203.0.113.9", "203.0.113.9"),
        (b"127.0.0.1, 203.0.113.9", "203.0.113.9"),
        (b"127.0.0.1, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        (b"10.7.7.7, 10.1.1.1", "10.7.7.7"),
        (b"203.0.113.9:4711", "203.0.113.9"),
        (b"[2001:db8::1]:4711", "2001:db8::1"),
    ):
        peer = forwarded("127.0.0.1", (XFF, value), trusted=trusted)
        assert peer.shown == client
        assert peer.by_proxy
        assert not peer.by_stranger
        assert peer.identities == (), "the certificate is the proxy's"
    peer = forwarded("127.0.0.1", (XFF, b"127.0.0.1"), (XFF, b"203.0.113.9"), trusted=trusted)
    assert peer.shown == "203.0.113.9"


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_whatever_a_client_writes_it_is_not_taken_for_this_machine(text: str) -> None:
    written = text.encode("latin-1") + b", 203.0.113.9"
    peer = forwarded("127.0.0.1", (XFF, written), trusted="127.0.0.1")
    assert peer.address == ipaddress.ip_address("203.0.113.9")


def test_a_proxy_that_names_nobody_we_understand_speaks_for_nobody() -> None:
    for header in ((XFF, b"unknown"), (XFF, b""), (b"forwarded", b"for=127.0.0.1")):
        peer = forwarded("127.0.0.1", header, trusted="127.0.0.1")
        assert roles_of(authorization().by_peer(peer)) == EVERY_ROLE - CONTROLLING
        chosen = authorization(CONNECTOR_SERVER_HOST="0.0.0.0")
        assert roles_of(chosen.by_peer(peer)) == set()


def test_a_proxy_that_asks_for_itself_is_a_client_like_others() -> None:
    peer = forwarded("127.0.0.1", trusted="127.0.0.1")
    assert roles_of(authorization().by_peer(peer)) == EVERY_ROLE
    assert peer.identities == ("robot",)


def test_what_is_not_permitted_is_counted_and_says_what_would_be_right() -> None:
    refusals = Refusals()
    caller = authorization(**role("R", standardroles="Query", clients="*")).by_peer(at("10.0.0.1"))
    admission = Admission(caller, refusals)
    admission.require("Fetch", asynchronous=True, queue="Fetch")
    with pytest.raises(Refused, match=r"the role Admin, which 10\.0\.0\.1 does not have"):
        admission.require("GetStatus", asynchronous=False)
    assert refusals.counts()["role"] == 1
