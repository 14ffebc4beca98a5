from collections.abc import Callable

import pytest

from connector.config import Loaded

Load = Callable[..., Loaded]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "[Server]\nPrt=1\n",
            "[Server] Prt (webex-connector.cfg:2) is not a known key; did you mean Port?",
        ),
        (
            "[Server]\nMaximumThreads=1\n",
            "[Server] MaximumThreads (webex-connector.cfg:2) is not a known key; "
            "it belongs in [Actions]",
        ),
        ("[Server]\nXyzzy=1\n", "[Server] Xyzzy (webex-connector.cfg:2) is not a known key"),
        (
            "[Databas]\nURL=x\n",
            "[Databas] (webex-connector.cfg:1) is not a known section; did you mean Database?",
        ),
        (
            "[MyTask]\nSweepDays=1\n",
            "[MyTask] (webex-connector.cfg:1) is not a known section; "
            "a task must be listed in [FetchTasks], as in 0=MyTask",
        ),
        (
            "[FetchTasks]\n0=A\n[A]\nRoomsIds=x\n",
            "[A] RoomsIds (webex-connector.cfg:4) is not a known key; did you mean RoomIds?",
        ),
        (
            "[Webex]\nAcessToken=s3cr3t\n",
            "[Webex] AcessToken (webex-connector.cfg:2) is not a known key; "
            "did you mean AccessToken?",
        ),
    ],
)
def test_an_unknown_name_warns_and_tells_what_was_meant(
    loaded: Load, text: str, warning: str
) -> None:
    assert loaded(text).warnings == (warning,)


def test_an_unknown_variable_warns_and_tells_what_was_meant(loaded: Load) -> None:
    environ = {"CONNECTOR_SERVER_PROT": "1", "CONNECTORS": "x", "connector_server_port": "2"}
    assert loaded("", environ).warnings == (
        "environment CONNECTOR_SERVER_PROT is not a known setting; "
        "did you mean CONNECTOR_SERVER_PORT?",
    )


def test_an_unknown_flag_warns(loaded: Load) -> None:
    assert loaded(flags={"Server.Prt": "1"}).warnings == (
        "[Server] Prt (flag Server.Prt) is not a known key; did you mean Port?",
    )
