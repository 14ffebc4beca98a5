"""The formats a client may ask for by ResponseFormat."""

from abc import ABC, abstractmethod

from connector.aci import json_forms, xml
from connector.aci.reply import Reply
from connector.aci.values import choice


class Format(ABC):
    """How a reply becomes bytes. Rendering never fails, whatever text a reply holds."""

    media_type: str
    """The Content-Type to send."""

    @abstractmethod
    def render(self, reply: Reply) -> bytes:
        """The body of the HTTP response, in UTF-8."""


class Xml(Format):
    """ACI's own. Official clients refuse any other type than text/xml."""

    media_type = "text/xml; charset=utf-8"

    def render(self, reply: Reply) -> bytes:
        """The reply as an XML document."""
        return xml.document(reply.action, reply.outcome, reply.data).encode()


class Json(Format):
    """Every element an object."""

    media_type = "application/json"

    def render(self, reply: Reply) -> bytes:
        """The reply as one line of JSON."""
        return json_forms.document(reply.action, reply.outcome, reply.data, simple=False).encode()


class SimpleJson(Format):
    """Leaves are strings."""

    media_type = "application/json"

    def render(self, reply: Reply) -> bytes:
        """The reply as one line of JSON."""
        return json_forms.document(reply.action, reply.outcome, reply.data, simple=True).encode()


FORMATS: dict[str, Format] = {
    "xml": Xml(),
    "json": Json(),
    "simplejson": SimpleJson(),
}


def format_named(name: str) -> Format:
    """The format called `name` in any case; the first one for an empty name.

    Raises:
        AciError: ERRORPARAMINVALID, listing the formats.
    """
    return FORMATS[choice(name or "xml", "ResponseFormat", FORMATS)]
