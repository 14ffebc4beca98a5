"""ShowPermissions: what the sender of a request, or another address, may do here.

Source: ShowPermissions in the vendor's Content and Proxy references.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector.aci.authorization import Admission, Authorization, Caller
from connector.aci.origin import ANY
from connector.aci.peer import Peer
from connector.aci.permissions import Role
from connector.aci.reply import Reply
from connector.aci.tree import Tree
from connector.config import Settings
from connector.config.peers import address, holds, networks

NAME = "ShowPermissions"


class Permitted:
    """The action ShowPermissions of one http process."""

    def __init__(self, settings: Settings) -> None:
        self._authorization = Authorization(settings)
        self._trusted = networks(settings.server.trusted_proxies)
        self._origins = settings.service.access_control_allow_origin

    async def answer(self, values: Mapping[str, Any], admission: Admission) -> Reply:
        """Tell of the address `IP`, as it would come without key or certificate; or of the sender.

        An address that is none has no permission at all.
        """
        asked = str(values.get("IP", "")).strip()
        if not asked:
            return Reply(NAME, {"autn:client": self._told(admission.caller)})
        literal = address(asked)
        if literal is None:
            return Reply(NAME, {"autn:client": self._told(Caller(asked, (), ip=asked))})
        caller = self._authorization.by_peer(Peer(literal))
        return Reply(NAME, {"autn:client": self._told(replace(caller, ip=str(literal)))})

    def _told(self, caller: Caller) -> dict[str, Tree]:
        literal = address(caller.ip)
        trusted = holds(self._trusted, literal)
        told: dict[str, Tree] = {
            "autn:ip": caller.ip,
            "autn:ipvalid": literal is not None,
            "autn:queryclient": caller.has(Role.QUERY),
            "autn:adminclient": caller.has(Role.ADMIN),
            "autn:allowedproxy": trusted,
            "autn:servicestatusclient": caller.has(Role.SERVICE_STATUS, everywhere=True),
            "autn:servicecontrolclient": caller.has(Role.SERVICE_CONTROL, everywhere=True),
            "autn:indexclient": caller.has(Role.INDEX),
            "autn:allowedindexproxy": trusted,
            "autn:cors": self._cors(),
            "autn:name": caller.name,
        }
        if caller.grants and caller.queues is not None:
            told["autn:queues"] = {"autn:queue": sorted(caller.queues)}
        return told

    def _cors(self) -> dict[str, Tree]:
        origins = [ANY] if ANY in self._origins else list(self._origins)
        return {"autn:enabled": bool(origins), "autn:origin": origins}
