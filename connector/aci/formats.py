"""The formats a client may ask for by ResponseFormat."""

from abc import ABC, abstractmethod

from connector.aci import json_forms, xml
from connector.aci.reply import Reply
from connector.aci.tree import Tree
from connector.aci.values import choice


class Format(ABC):
    """How a reply becomes bytes. Rendering never fails, whatever text a reply holds."""

    media_type: str
    """The Content-Type to send."""

    @abstractmethod
    def render(self, reply: Reply) -> bytes:
        """The body of the HTTP response, in UTF-8."""

    @abstractmethod
    def element(
        self, value: Tree, name: str = "action", depth: int = 2, lead: str = "\n   "
    ) -> bytes:
        """One member of a list as `render` writes it, with nothing between two.

        By default a member of actions/action. `name`: of the list; `depth`: at which it stands,
        the children of responsedata being at 1; `lead`: what goes before it, if anything does.
        """

    separator = b""
    """What stands between two of them."""

    place = b""
    """Pattern of bytes: how an element is written that has only the text TEXT and is a member of a
    list. Its group `lead`, if it has one: what goes before it."""

    def around(self, name: str) -> tuple[bytes, bytes]:
        """What stands before and after the members of actions/action in a reply of many."""
        whole = self.render(Reply(name, {"actions": {"action": [_HOLE]}}))
        before, _, after = whole.partition(self.element(_HOLE))
        return before, after


_HOLE = "b6d0a3f2"


class Xml(Format):
    """ACI's own. Official clients refuse any other type than text/xml."""

    media_type = "text/xml; charset=utf-8"
    place = rb"(?P<lead>\n *)<[^<>]+>TEXT</[^<>]+>"

    def render(self, reply: Reply) -> bytes:
        """The reply as an XML document."""
        return xml.document(reply.action, reply.outcome, reply.data).encode()

    def element(
        self, value: Tree, name: str = "action", depth: int = 2, lead: str = "\n   "
    ) -> bytes:
        """The member with the line end and blanks before it."""
        return xml.element(name, value, lead, depth).encode()


class Json(Format):
    """Every element an object."""

    media_type = "application/json"
    separator = b","
    place = rb'\{"\$":"TEXT"\}'

    def render(self, reply: Reply) -> bytes:
        """The reply as one line of JSON."""
        return json_forms.document(reply.action, reply.outcome, reply.data, simple=False).encode()

    def element(self, value: Tree, name: str = "action", depth: int = 2, lead: str = "") -> bytes:
        """The member as JSON."""
        return json_forms.element(name, value, depth, simple=False).encode()


class SimpleJson(Format):
    """Leaves are strings."""

    media_type = "application/json"
    separator = b","
    place = rb'"TEXT"'

    def render(self, reply: Reply) -> bytes:
        """The reply as one line of JSON."""
        return json_forms.document(reply.action, reply.outcome, reply.data, simple=True).encode()

    def element(self, value: Tree, name: str = "action", depth: int = 2, lead: str = "") -> bytes:
        """The member as JSON."""
        return json_forms.element(name, value, depth, simple=True).encode()


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
    return FORMATS.get(name or "xml") or FORMATS[choice(name, "ResponseFormat", FORMATS)]


def format_or_xml(name: str) -> Format:
    """The format called `name`, or XML if there is none: for a request that cannot be read."""
    return FORMATS.get(name.strip().casefold(), FORMATS["xml"])
