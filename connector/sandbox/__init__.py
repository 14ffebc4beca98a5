"""A stand-in for the Webex API, for demonstrations and tests."""
