"""What every Webex endpoint goes through before and after its own work."""

import asyncio
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from itertools import count
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from connector.sandbox.faults import Faults, Requests
from connector.sandbox.options import Options
from connector.sandbox.replies import ApiError, error_reply
from connector.sandbox.world import NotFound

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Gate:
    """Counts requests, checks their token, lets some fail as ordered, words the errors."""

    def __init__(self, options: Options) -> None:
        self.faults = Faults(options.throttle_every)
        self.requests = Requests()
        self.retry_after = {"Retry-After": str(options.retry_after)}
        self._authorization = f"Bearer {options.token}".encode()
        self._seed = options.seed
        self._tracking = count(1)

    def guard(self, name: str, answer: Callable[[Request], Response]) -> Endpoint:
        """An endpoint, counted under a name; ``answer`` may raise ApiError and NotFound."""

        async def endpoint(request: Request) -> Response:
            self.requests.endpoints[name] += 1
            if name == "messages":
                self.requests.rooms[request.query_params.get("roomId", "")] += 1
            if self.faults.latency:
                await asyncio.sleep(self.faults.latency)
            try:
                self._admit(name, request)
                response = answer(request)
            except ApiError as error:
                response = self.refuse(error)
            except NotFound as error:
                response = self.refuse(ApiError(404, f"There is no such {error}."))
            self.requests.statuses[str(response.status_code)] += 1
            return response

        return endpoint

    def refuse(self, error: ApiError) -> Response:
        """The answer to a request that is refused, with a tracking id of its own."""
        if error.status in (423, 429):
            error.headers = {**self.retry_after, **error.headers}
        return error_reply(error, f"SANDBOX_{self._seed}_{next(self._tracking):08d}")

    def _admit(self, name: str, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not compare_digest(given, self._authorization):
            raise ApiError(401, headers={"WWW-Authenticate": "Bearer"})
        status = self.faults.status_for(name, f"{request.method} {request.url}")
        if status is not None:
            raise ApiError(status)
