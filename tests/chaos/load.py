"""Clients: they submit, stop and cancel without a break, and remember what they were told."""

import random
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

QUEUE = "Chaos"
MIX = ["nothing"] * 9 + ["long"] * 4 + ["steps"] * 3 + ["retry"] * 2 + ["crash", "error"]
"""What clients ask for, and in which proportion."""

PAUSE = 0.15
"""Seconds between two actions of one client."""


@dataclass(slots=True)
class Submission:
    """One action as its client knows it. `token`: None while no answer has told it."""

    mark: str
    """The client's own name for it, sent as ActionID."""
    do: str
    token: str | None = None
    asked: list[tuple[str, str, float]] = field(default_factory=list)
    """Verbs asked of it, each with the status that answered it, "" if none did, and when."""


class Client:
    """Talks to whatever server is there at the moment; every answer comes within seconds."""

    def __init__(self, address: Callable[[], str], trace: Path) -> None:
        self._address = address
        self._trace = trace
        self._http = httpx2.Client(timeout=4.0, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, submission: Submission) -> None:
        """Send an action; its token is set if the server said that it is stored."""
        data = self._ask(QUEUE, Do=submission.do, Trace=str(self._trace), ActionID=submission.mark)
        submission.token = data.findtext("token") if data is not None else None

    def ask(self, submission: Submission, verb: str) -> None:
        """Ask for a verb, and note what was answered."""
        assert submission.token is not None
        data = self._ask("QueueInfo", QueueName=QUEUE, QueueAction=verb, Token=submission.token)
        status = data.findtext("actions/action/status") if data is not None else None
        submission.asked.append((verb, status or "", time.monotonic()))

    def _ask(self, action: str, **parameters: str) -> ET.Element | None:
        try:
            reply = self._http.post(self._address(), data={"action": action, **parameters})
            root = ET.fromstring(reply.content)
        except (httpx2.HTTPError, ET.ParseError):
            return None
        return root.find("responsedata") if root.findtext("response") == "SUCCESS" else None


class Load:
    """Some clients at work until told to stop. `submissions`: all, in order of sending."""

    def __init__(self, client: Callable[[], Client], seed: int, clients: int = 2) -> None:
        self.submissions: list[Submission] = []
        self._client = client
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(seed * 100 + n),), daemon=True)
            for n in range(clients)
        ]

    @property
    def accepted(self) -> list[Submission]:
        """Those that were answered with a token."""
        with self._lock:
            return [s for s in self.submissions if s.token is not None]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, when the requests under way have been answered or given up."""
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def new(self, do: str) -> Submission:
        """Note that an action is about to be sent."""
        with self._lock:
            submission = Submission(f"chaos-{len(self.submissions)}", do)
            self.submissions.append(submission)
        return submission

    def _run(self, dice: random.Random) -> None:
        client = self._client()
        recent: list[Submission] = []
        while not self._over.wait(PAUSE * dice.uniform(0.5, 1.5)):
            submission = self.new(dice.choice(MIX))
            client.submit(submission)
            if submission.token is not None:
                recent = [*recent[-4:], submission]
            if recent and dice.random() < 0.2:
                client.ask(dice.choice(recent), dice.choice(["Stop", "Stop", "Cancel"]))
        client.close()
