"""One file an engine: what that engine does differently."""
