"""The command `webex-connector`, also as `python -m connector`."""


def main() -> None:
    """Run the command line."""
    from connector.cli.app import app

    app(prog_name="webex-connector")


if __name__ == "__main__":
    main()
