"""Tokens: no two are alike, whoever makes them, and their order is the order in which they came."""

import os
import threading
import uuid

from connector.jobs.token import new_token

MANY = 2_000
"""More than random bits are drawn for at once."""


def test_tokens_are_uuids_of_version_7_in_order_and_no_two_are_alike() -> None:
    tokens = [new_token() for _ in range(MANY)]
    assert tokens == sorted(set(tokens))
    made = [uuid.UUID(token) for token in tokens]
    assert {(token.version, token.variant) for token in made} == {(7, uuid.RFC_4122)}
    assert len({token.int & ((1 << 62) - 1) for token in made}) == MANY


def test_threads_make_no_two_that_are_alike() -> None:
    made: list[list[str]] = [[] for _ in range(4)]

    def make(into: list[str]) -> None:
        into.extend(new_token() for _ in range(MANY))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set().union(*made)) == 4 * MANY
    assert all(own == sorted(own) for own in made)


def test_a_forked_process_makes_others_than_its_parent() -> None:
    new_token()  # so that bits are there which both would use
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(new_token()[19:].encode() for _ in range(10)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        theirs = pipe.read().decode()
    assert os.waitpid(child, 0)[1] == 0
    tails = [theirs[at : at + 17] for at in range(0, len(theirs), 17)]
    ours = {new_token()[19:] for _ in range(MANY)}
    assert len(set(tails)) == 10
    assert ours.isdisjoint(tails)
