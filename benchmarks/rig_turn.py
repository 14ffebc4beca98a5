"""`python -m benchmarks.rig_turn TEST PEER SIZES`: one of the rig's measures of one peer.

The rig's own command line takes several and has sizes of its own. Each figure is a line of JSON.
"""

import importlib
import json
import os
import signal
import sys


def main(test: str, peer: str, sizes: str) -> None:
    """Measure; whatever happens, the peer's processes end and its database goes."""
    sys.path.insert(0, os.environ["BENCH_RIG"])
    rig = importlib.import_module("run")
    given = json.loads(sizes)
    if peer == "limit":
        rig.ref(test)
        return
    if test == "kill":
        for fast in (False, True):
            rig.t_kill(peer, fast, {}, **given)
            database = f"b_{peer}_k{'f' if fast else 'd'}"
            rig.sql("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        return
    measured = rig.Peer(peer)
    try:
        getattr(rig, f"t_{test}")(measured, **given)
    except Exception as error:
        rig.rec(test, peer, error=repr(error)[-1500:])
    finally:
        measured.drop()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
main(*sys.argv[1:])
