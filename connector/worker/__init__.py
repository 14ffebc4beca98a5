"""The processes that run actions: supervisor, worker, slot."""
