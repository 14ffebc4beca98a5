"""The ASGI application of the service port, and the one that tells two ports apart."""

from collections.abc import Mapping
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.aci.app import Face
from connector.aci.errors import AciError
from connector.aci.guard import Guard
from connector.aci.keys import KeyRing
from connector.aci.refusals import Refusals
from connector.service import metrics
from connector.service.actions import ServiceActions
from connector.service.host import Host

PARTS = ("host", "cluster")


class Ports:
    """Hands each request to the application of the port that it came to."""

    def __init__(self, apps: Mapping[int, ASGIApp]) -> None:
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._apps[scope["server"][1]](scope, receive, send)


def service(host: Host, ring: KeyRing, refusals: Refusals) -> Guard:
    """Return the application of the service port."""

    async def live(request: HttpRequest) -> Response:
        return PlainTextResponse("live\n")

    async def ready(request: HttpRequest) -> Response:
        try:
            await host.storable()
        except AciError as error:
            return _unavailable(error.description)
        return PlainTextResponse("ready\n")

    async def queues(request: HttpRequest) -> Response:
        return await _queue_health(host)

    async def tell_metrics(request: HttpRequest) -> Response:
        return await _metrics(host, request.query_params.get("part", ""))

    routes = [
        Route("/livez", live),
        Route("/readyz", ready),
        Route("/healthz/queues", queues),
        Route("/metrics", tell_metrics),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    app.router.default = Face(host.settings, ServiceActions(host).answer)
    return Guard(app, host.settings, ring, refusals, service=True)


async def _queue_health(host: Host) -> Response:
    """Fail when work that could be done has been due for too long."""
    limit = host.settings.service.queue_age_seconds
    try:
        seen = await host.queues()
    except AciError as error:
        return _unavailable(error.description)
    late = [
        f"{queue.queue}: an action that could be claimed has been due for {queue.age:.0f} s, "
        f"longer than {limit:g} s ([Service] QueueAgeSeconds); is a worker running?"
        for queue in seen
        if queue.age > limit
    ]
    return _unavailable("\n".join(late)) if late else PlainTextResponse("ok\n")


async def _metrics(host: Host, part: str) -> Response:
    if part not in ("", *PARTS):
        return PlainTextResponse(f"part is {' or '.join(PARTS)}, or left out for both\n", 400)
    families = []
    if part != "host":
        try:
            families += metrics.of_cluster(await host.queues())
        except AciError:
            families += metrics.of_cluster(None)
    if part != "cluster":
        families += metrics.of_host(host.board)
    return Response(metrics.rendered(families), media_type=CONTENT_TYPE_LATEST)


def _unavailable(why: str) -> Response:
    return PlainTextResponse(why + "\n", HTTPStatus.SERVICE_UNAVAILABLE)
