"""Whether models may be added from the page: a visitor's file keeps a processor busy and fills the disk.

Allowed where the server listens on a loopback address and is no Space; elsewhere when the environment says
SPATIAL_EDIT_ADD_MODELS=1, and nowhere when it says 0. What was allowed because the server is local is refused
to requests that came through a proxy or under a name that is not this computer's: those are not local.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = "SPATIAL_EDIT_ADD_MODELS"
OFF = f"adding models is switched off on this server: start it with {VARIABLE}=1 to allow it"
AFAR = (
    f"models are added from the computer that runs this program: open it there, or start it with {VARIABLE}=1"
)
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@dataclass(frozen=True)
class Permission:
    """allowed: the form is shown and its requests are taken. local: only those made on this computer, which
    may also name files on its disk."""

    allowed: bool = False
    local: bool = False

    def check(self, request: Any) -> None:
        """ValueError unless this request may add or remove a model. request: a `gr.Request`."""
        if not self.allowed:
            raise ValueError(OFF)
        if self.local and not _came_from_here(request):
            raise ValueError(AFAR)


NEVER = Permission()


def permission(host: str | None, environment: Mapping[str, str] | None = None) -> Permission:
    """For a server that listens on `host` (a name or an address; None: not known)."""
    told = os.environ if environment is None else environment
    said = told.get(VARIABLE, "").strip().lower()
    if said in ("0", "no", "false", "off"):
        return NEVER
    if host is not None and is_loopback(host) and not told.get("SPACE_ID"):
        return Permission(allowed=True, local=True)
    return Permission(allowed=said in ("1", "yes", "true", "on"))


def is_loopback(host: str) -> bool:
    """Whether a host's name or address means this computer alone: localhost, 127.0.0.0/8, ::1."""
    name = host.strip().lower().removeprefix("[").removesuffix("]").rstrip(".")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _came_from_here(request: Any) -> bool:
    headers = {str(name).lower(): str(value) for name, value in dict(request.headers).items()}
    client = getattr(request, "client", None)
    peer = getattr(client, "host", None)
    if any(name in headers for name in _FORWARDED) or not isinstance(peer, str):
        return False
    return is_loopback(peer) and is_loopback(_without_port(headers.get("host", "")))


def _without_port(host: str) -> str:
    """ "127.0.0.1:7860", "localhost" and "[::1]:7860" without what follows the name."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.rpartition(":")[0] if host.count(":") == 1 else host
