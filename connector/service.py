"""What a service manager is told: that the server is ready, alive, ending. See sd_notify(3)."""

import contextlib
import os
import socket


def tell(state: str) -> None:
    """Send a state such as READY=1 to the service manager, if there is one that wants it."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect(address)
        manager.send(state.encode())
