"""The Webex API as plain objects."""
