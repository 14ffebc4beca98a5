"""What goes wrong between us and Webex.

    WebexError
    ├─ Unauthorised   401: the access token is wrong or has run out
    ├─ Forbidden      403: the token's person may not see this
    ├─ NotFound       404: deleted, or not visible to the token's person
    ├─ Gone           410: a file withdrawn because it is infected
    ├─ Unscannable    428: a file that no scanner can look into
    ├─ Refused        any other 4xx: the request itself is wrong
    ├─ Unavailable    429, 423, 5xx or the network, after all repeats
    └─ BadReply       an answer that is not what the Webex API promises

Statuses are those of the Webex API guide "Basics" and of its published OpenAPI files. Only
Unavailable is worth repeating unchanged.
"""


class WebexError(Exception):
    """A known failure of one request.

    `method` and `path` name the request ("" when the fault was found outside of one), `status` is
    the HTTP status if an answer came, `tracking_id` is the id that Webex support asks for. The
    text is a sentence for people; no error carries the access token.
    """

    def __init__(
        self,
        text: str,
        *,
        method: str = "",
        path: str = "",
        status: int | None = None,
        tracking_id: str | None = None,
    ) -> None:
        super().__init__(text)
        self.method = method
        self.path = path
        self.status = status
        self.tracking_id = tracking_id

    @property
    def text(self) -> str:
        """The sentence alone, without request, status and tracking id."""
        return str(self.args[0])

    def __str__(self) -> str:
        facts = [f"{self.method} {self.path}"] if self.path else []
        if self.status is not None:
            facts.append(f"status {self.status}")
        if self.tracking_id:
            facts.append(f"tracking id {self.tracking_id}")
        return f"{self.text} ({', '.join(facts)})" if facts else self.text


class Unauthorised(WebexError):
    """The access token is missing, malformed, wrong or expired."""


class Forbidden(WebexError):
    """The token is good, but its person or its scopes do not reach this."""


class NotFound(WebexError):
    """Deleted, or not visible to the token's person: Webex does not tell which."""


class Gone(WebexError):
    """Webex found the file infected and withdrew it. Final."""


class Unscannable(WebexError):
    """Webex cannot scan the file, an encrypted archive for one, and does not hand it out."""


class Refused(WebexError):
    """Webex says that the request itself is wrong. Repeating it unchanged is of no use."""


class Unavailable(WebexError):
    """Webex could not be reached, or asked for patience longer than allowed here.

    `retry_after` is how many seconds Webex asked to wait, None when it did not say.
    """

    def __init__(
        self,
        text: str,
        *,
        method: str = "",
        path: str = "",
        status: int | None = None,
        tracking_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text, method=method, path=path, status=status, tracking_id=tracking_id)
        self.retry_after = retry_after


class BadReply(WebexError):
    """The answer is malformed: no JSON, a field missing, a list that does not end, a wrong host."""
