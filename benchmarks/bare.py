"""What accepting is compared with: one route that returns sixty bytes, and does nothing else."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

BODY = "x" * 60


async def hello(request: Request) -> PlainTextResponse:
    """Answer sixty bytes."""
    return PlainTextResponse(BODY)


app = Starlette(routes=[Route("/", hello)])
