"""A client library: send actions to a Webex Connector, and follow and steer them.

    from connector.client import Client

    with Client("http://127.0.0.1:7023/") as client:
        token = client.submit("Fetch", {"FetchAction": "Synchronize"})
        ended = client.wait("Fetch", token, progress=lambda status: print(status.word))

It stands alone: `pip install 'webex-connector[client]'` brings it and an HTTP client, no server.
What can go wrong is drawn in `connector.client.errors`; docs/clients.md has worked examples.
"""

from connector.client.client import Client
from connector.client.errors import (
    BadReply,
    ClientError,
    NotFinished,
    Refused,
    TimeIsUp,
    Unanswered,
    Unreachable,
)
from connector.client.status import Status

__all__ = [
    "BadReply",
    "Client",
    "ClientError",
    "NotFinished",
    "Refused",
    "Status",
    "TimeIsUp",
    "Unanswered",
    "Unreachable",
]
