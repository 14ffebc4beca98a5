"""Talking to a server over HTTP, as any client does."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping

import httpx2


class Refused(Exception):
    """The server answered with an error, or not at all; the text says which and why."""


class Remote:
    """A server's ACI port. `url` such as http://127.0.0.1:7023/."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/"
        self._client = httpx2.Client(timeout=10.0, trust_env=False)

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, action: str, parameters: Mapping[str, str]) -> ET.Element:
        """Send an action and return `responsedata`. Raises Refused."""
        try:
            reply = self._client.post(self._url, data={"action": action, **parameters})
            root = ET.fromstring(reply.content)
        except httpx2.HTTPError as error:
            raise Refused(
                f"no answer from {self._url} ({error}); is `webex-connector serve` running there?"
            ) from error
        except ET.ParseError as error:
            raise Refused(f"{self._url} did not answer as an ACI server does") from error
        data = root.find("responsedata")
        if data is None or root.findtext("response") != "SUCCESS":
            description = root.findtext(".//errordescription") or root.findtext(".//errorstring")
            raise Refused(description or f"{self._url} did not answer as an ACI server does")
        return data

    def status(self, queue: str, token: str) -> ET.Element:
        """Return the `action` element of one action. Raises Refused."""
        data = self.ask(
            "QueueInfo", {"QueueAction": "GetStatus", "QueueName": queue, "Token": token}
        )
        found = data.find("actions/action")
        if found is None:
            raise Refused(f"the server knows no action {token}")
        return found
