"""An uploaded photo becomes a committed scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from spatial_edit.images import Fit, Photo, open_photo
from spatial_edit.session.resolve import Lookup
from spatial_edit.session.state import Frame, Session
from spatial_edit.store import Receipt, Store

if TYPE_CHECKING:
    from spatial_edit.parse import Parsed

Search = Callable[[str, Photo, str, Fit], "Parsed"]  # (model's name, photo, effort, fit)


@dataclass(frozen=True, eq=False)
class ParsedUpload:
    """A photo as a committed scene: `original` (3, H, W) is the photo as the model saw it; psnr in dB."""

    frame: Frame
    original: Tensor
    psnr: float
    seconds: float
    notes: tuple[str, ...]
    sha256: str  # of the uploaded file
    receipt: Receipt  # of the store entry: its key deletes it, show it once


def parse_upload(
    lookup: Lookup,
    store: Store,
    data: bytes,
    model: str,
    effort: str,
    fit: Fit = "crop",
    progress: Callable[..., None] | None = None,
    keep_going: Callable[[], bool] | None = None,
    search: Search | None = None,
) -> ParsedUpload:
    """Open, parse and store a photo. PhotoError for what is no photo, ValueError for other bad input.

    progress is told the share done, and what it raises passes through; keep_going returning False ends the
    search early with the best scene so far. `search` finds the scene elsewhere, as in another process; it
    knows neither progress nor keep_going.
    """
    photo = open_photo(data)
    if search is None:
        parsed = find_scene(lookup, model, photo, effort, fit, progress=progress, keep_going=keep_going)
    else:
        parsed = search(model, photo, effort, fit)
    session = Session(lookup, store, names=lambda number: model)
    frame = session.adopt(parsed.scene)
    assert session.receipt is not None  # adopt has set it
    notes = (*parsed.notes, *frame.notes)
    return ParsedUpload(
        frame, parsed.original, parsed.psnr, parsed.seconds, notes, photo.sha256, session.receipt
    )


def find_scene(lookup: Lookup, model: str, photo: Photo, effort: str, fit: Fit, **watching: Any) -> Parsed:
    """The scene of a photo: a pure function of what it is given. Errors: as `parse_photo`."""
    from spatial_edit.parse import parse_photo

    return parse_photo(lookup(model), photo, effort, fit=fit, **watching)
