"""A stand-in for the Webex API with made-up content, for demonstrations, tests and measurements.

It runs in a process of its own (``python -m connector.sandbox``, or
``connector.sandbox.process.SandboxProcess`` from a test) and knows nothing of the connector: all
that passes between them is HTTP.

* ``options``: what can be chosen, ``Options``; ``server``: ``serve``; ``process``: the child.
* ``content``: rooms, people, messages and files as pure functions of the seed and an index, with
  ``ids``, ``words`` and ``files`` below it; ``world``: what the controls changed since the start.
* ``api``: the Webex endpoints; ``faults``: throttling, failures on order, counts of requests;
  ``replies``: JSON, the error body, ``Link``; ``controls``: what a test may do to the world.
"""
