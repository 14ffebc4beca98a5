"""What is stored of a request for an asynchronous action: secrets and settings encrypted.

And what holds for every request that stores one, also as a copy of another.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector import log
from connector.aci.access import Access
from connector.aci.errors import AciError, Code, invalid, shown
from connector.aci.parameters import Parameters
from connector.actions import keys as keys_of_host
from connector.actions import sealing
from connector.actions.action import Action
from connector.actions.configured import TakesSettings, brings_settings
from connector.config import Settings, by_request
from connector.config.keyfile import NoKey
from connector.db import secret_keys
from connector.jobs.config_hash import of_request

KEY = "Idempotency-Key"
"""Parameter, or header, by which a request that is sent again is known."""

LONGEST_KEY = 200

_log = log.logger(__name__)


@dataclass(frozen=True, slots=True)
class Storable:
    """`values`: as they are stored; `compared`: what a request is known again by, if not by them.

    `config_hash`: the configuration that it was sent to, and its own.
    """

    values: Mapping[str, Any] = field(repr=False)
    compared: Mapping[str, Any] | None = field(repr=False)
    config_hash: str


class Storing:
    """Makes requests storable, for one http process."""

    def __init__(self, settings: Settings, access: Access) -> None:
        self._settings = settings
        self._access = access
        self._config_hash = settings.hash

    async def storable(
        self,
        action: Action,
        values: Mapping[str, Any],
        tasks: tuple[str, ...] | None,
        sent: Parameters,
    ) -> Storable:
        """Return what is stored of checked values, and of settings that were sent with them.

        Raises AciError.
        """
        names = sealing.secrets(action, values)
        brings = brings_settings(action, sent)
        if not names and not brings:
            return Storable(values, None, self._config_hash)
        brought = sent if brings else None
        recorded = await self._access.look(secret_keys.recorded)
        return await asyncio.to_thread(
            self._sealed, action, values, names, tasks, brought, recorded
        )

    def _sealed(
        self,
        action: Action,
        values: Mapping[str, Any],
        names: set[str],
        tasks: tuple[str, ...] | None,
        sent: Parameters | None,
        recorded: Sequence[str],
    ) -> Storable:
        if sent is not None:
            values = {**values, by_request.CONFIG: self._brought(action, tasks or (), sent)}
            names = names | {by_request.CONFIG}
        try:
            keys = keys_of_host.to_encrypt(self._settings.paths.keys, recorded)
        except NoKey as error:
            _log.error("secret parameters cannot be stored", error=str(error))
            raise AciError(
                Code.INTERNAL,
                "The server cannot encrypt secret parameters, and nothing was stored; its log "
                "tells why.",
            ) from error
        config_hash = self._config_hash
        if sent is not None:
            # Keyed, so that nobody who reads the table can try out what was set.
            digest = keys.digest(json.dumps(values[by_request.CONFIG]))
            config_hash = of_request(config_hash, digest)
        compared = sealing.comparable(values, names, keys)
        return Storable(sealing.sealed(values, names, keys), compared, config_hash)

    def _brought(
        self, action: Action, tasks: tuple[str, ...], sent: Parameters
    ) -> by_request.Stored:
        """Return the settings that were sent, once it is sure that the action can run with them."""
        why = ""
        if not isinstance(action, TakesSettings):
            why = f"{action.name} has no settings that a request may bring; leave it out"
        elif not self._settings.queue(action.name).request_settings:
            why = f"this server takes no settings with a request ([{action.name}] RequestSettings)"
        try:
            if why:
                named = filter(by_request.names_setting, sent)
                raise by_request.Refused(next(named, by_request.CONFIG), why)
            return by_request.merged(self._settings, tasks, by_request.brought(sent))[1]
        except by_request.Refused as error:
            told = f"Parameter {shown(error.parameter)}: {error}."
            raise AciError(Code.PARAM_INVALID, told, error.parameter) from error


def key_of(parameters: Parameters) -> str | None:
    """Return what the client calls its request, if it does. Raises AciError."""
    key = parameters.get(KEY) or None
    if key is not None and not (len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise invalid(KEY, key, f"at most {LONGEST_KEY} printable ASCII characters")
    return key
