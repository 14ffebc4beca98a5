"""Webex Connector: takes long-running actions over HTTP, keeps them in SQL, never loses one."""

__version__ = "0.2.0"
