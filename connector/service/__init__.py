"""The service port: what operators and their tools ask a host, beside the actions of clients."""
