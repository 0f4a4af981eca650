"""An uploaded photo becomes a committed scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from spatial_edit.images import Fit, open_photo
from spatial_edit.session.resolve import Lookup
from spatial_edit.session.state import Frame, Session
from spatial_edit.store import Receipt, Store


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
) -> ParsedUpload:
    """Open, parse and store a photo. PhotoError for what is no photo, ValueError for other bad input.

    progress is told the share done, and what it raises passes through; keep_going returning False ends the
    search early with the best scene so far.
    """
    from spatial_edit.parse import parse_photo

    photo = open_photo(data)
    generator = lookup(model)
    parsed = parse_photo(generator, photo, effort, fit=fit, progress=progress, keep_going=keep_going)
    session = Session(lookup, store, names=lambda number: model)
    frame = session.adopt(parsed.scene)
    assert session.receipt is not None  # adopt has set it
    notes = (*parsed.notes, *frame.notes)
    return ParsedUpload(
        frame, parsed.original, parsed.psnr, parsed.seconds, notes, photo.sha256, session.receipt
    )
