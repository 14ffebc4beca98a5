"""What the server can do: one file an action."""
