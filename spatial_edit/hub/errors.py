"""What goes wrong between here and the hub, each as one sentence that says what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


class HubError(ValueError):
    """A model that could not be fetched or pushed; the message is one sentence."""


class Unreachable(HubError):
    """The hub gave no answer: no network, a time-out, or it is down. A copy fetched earlier may do."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Errors of huggingface_hub, of the network and of the disk become HubError. what: the address."""
    import httpx2

    # the last row: answers that are not what the library expects, of which it raises plain errors
    known = (OSError, httpx2.HTTPError, httpx2.InvalidURL, RuntimeError)
    unexpected = (ValueError, TypeError, LookupError, AttributeError, AssertionError)
    try:
        yield
    except HubError:
        raise
    except (*known, *unexpected) as error:
        raise _translation(error, what) from error


def _translation(error: BaseException, what: str) -> HubError:
    """The error, or what caused it, in words."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and len(causes) < 10:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, HfHubHTTPError):
            return _answer(cause, what)
        if isinstance(cause, OfflineModeIsEnabled):
            return Unreachable(
                f"{what} is not on this computer and HF_HUB_OFFLINE forbids to fetch it: unset it"
            )
        if isinstance(cause, httpx2.TimeoutException):
            return Unreachable(f"the hub did not answer in time about {what}: try again later")
        if isinstance(cause, httpx2.HTTPError | httpx2.InvalidURL | ConnectionError):
            return Unreachable(f"the hub cannot be reached for {what}: check the network, or try again later")
    if "Consistency check failed" in str(error):
        return HubError(f"a file of {what} arrived cut short: try again")
    if isinstance(error, OSError) and error.errno:
        return HubError(f"could not store {what}: {os.strerror(error.errno)}")
    return HubError(f"could not fetch or push {what}: {' '.join(str(error).split())[:200]}")


def _answer(error: BaseException, what: str) -> HubError:
    """An answer of the hub that is not "here it is"."""
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", 0)
    if isinstance(error, errors.GatedRepoError):
        return HubError(f"{what} is gated: accept its terms on its page of the hub, then set HF_TOKEN")
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(
            f"{what} does not exist in this revision: check the branch, tag or commit after the @"
        )
    if isinstance(error, errors.DisabledRepoError):
        return HubError(f"{what} has been disabled by the hub")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return HubError(f"{what} lacks a file that it lists: try again, or ask its owner")
    if isinstance(error, errors.RepositoryNotFoundError):
        return HubError(
            f"the hub has no model {what}, or it is private: check the name, or set HF_TOKEN to a token of "
            "an account that may read it"
        )
    if status in (401, 403):
        return HubError(
            f"the hub does not allow this for {what}: set HF_TOKEN to a token with the right to do it"
        )
    if status == 413:
        return HubError(f"the hub finds {what} too large")
    if status == 429:
        return Unreachable(f"the hub asks to slow down about {what}: try again in some minutes")
    if status >= 500:
        return Unreachable(f"the hub has a fault of its own ({status}) about {what}: try again later")
    return HubError(f"the hub refused {what} ({status}): {' '.join(str(error).split())[:200]}")
