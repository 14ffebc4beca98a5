"""The command `webex-connector`, also as `python -m connector`."""

import importlib.util
import sys


def main() -> None:
    """Run the command line. Exit status 2 where only the client library is installed."""
    if importlib.util.find_spec("typer") is None:
        print(
            "webex-connector: only the client library is installed here; "
            "for the commands: pip install 'webex-connector[server]'",
            file=sys.stderr,
        )
        raise SystemExit(2)
    from connector import launch

    worker = launch.ahead()
    try:
        from connector.cli.app import app

        app(prog_name="webex-connector", obj=worker)
    finally:
        if worker is not None:
            worker.dismiss()


if __name__ == "__main__":
    main()
