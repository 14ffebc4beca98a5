"""The section about the service port, and about web pages on both ports."""

from typing import Annotated

from pydantic import AfterValidator, Field

from connector.config.model import SectionModel
from connector.config.secrecy import quotable
from connector.config.values import OptionalPort, Seconds, Setting, Strings


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        scheme, separator, host = value.partition("://")
        right = scheme in ("http", "https") and separator and host and "/" not in host
        if value != "*" and not right:
            raise ValueError(
                f'"{quotable(value)}" is no origin; expected one such as https://app.example.com'
            )
    return values


class ServiceSettings(SectionModel, frozen=True):
    """The service port, for operators: the state, the log and the figures of this host."""

    service_port: Annotated[
        OptionalPort,
        Setting(
            "TCP port for service actions, `/metrics`, `/livez`, `/readyz` and `/healthz/queues`, "
            "on the address that `[Server] Host` names. 0 takes any free port. Without a value "
            "there is no service port.",
            example="7025",
        ),
    ] = None
    queue_age_seconds: Annotated[
        Seconds,
        Field(gt=0, le=31536000),
        Setting(
            "`/healthz/queues` fails when an action that a worker could claim has been due for "
            "longer. Paused queues, queues at their limit, and actions whose task is busy do not "
            "count.",
            "seconds",
        ),
    ] = 300.0
    access_control_allow_origin: Annotated[
        Strings,
        AfterValidator(_origins),
        Setting(
            "Origins whose web pages may send requests, or `*` for all of them, which lets any "
            "page that a user of this machine opens send actions.",
            key="Access-Control-Allow-Origin",
            example="https://app.example.com",
        ),
    ] = ()
