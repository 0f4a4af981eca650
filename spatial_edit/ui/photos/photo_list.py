"""The list of photos as the browser shows it: its component, its value, and the pictures it asks for."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import gradio as gr

from spatial_edit.ui.photos.batch import Batch, Photo

FOLDER = Path(__file__).parent
_KINDS = {".png": "image/png", ".jpg": "image/jpeg"}


class PhotoDesk:
    """Gives out the pictures of batches that are still somebody's, to whoever knows a batch's secret."""

    def __init__(self) -> None:
        self._batches: WeakValueDictionary[str, Batch] = WeakValueDictionary()

    def know(self, batch: Batch) -> None:
        """From now on the batch's pictures can be asked for."""
        self._batches[batch.secret] = batch

    def picture(self, payload: object) -> dict[str, object]:
        """`{"data"}` (a data URL) of `{"batch", "key", "what"}`; ValueError when there is no such picture."""
        if not isinstance(payload, dict):
            raise ValueError("a picture request must be an object: reload the page")
        secret = payload.get("batch")
        batch = self._batches.get(secret) if isinstance(secret, str) else None
        if batch is None:
            raise ValueError("these results are gone: parse the photos again")
        file = batch.picture(payload.get("key"), payload.get("what"))
        text = base64.b64encode(file.read_bytes()).decode()
        return {"data": f"data:{_KINDS[file.suffix]};base64,{text}"}


def photo_list(desk: PhotoDesk) -> gr.HTML:
    """The component; its events are `choose_photo` and `open_photo`, with the photo's number as `key`."""

    def photo_picture(payload: Any) -> dict[str, object]:
        try:
            return desk.picture(payload)
        except (ValueError, OSError) as error:
            return {"error": str(error) if isinstance(error, ValueError) else "the picture is gone"}

    return gr.HTML(
        list_value(None),
        html_template=(FOLDER / "photos.html").read_text(encoding="utf-8"),
        css_template=(FOLDER / "photos.css").read_text(encoding="utf-8"),
        js_on_load=(FOLDER / "photos.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="results",
        server_functions=[photo_picture],
    )


def list_value(batch: Batch | None) -> dict[str, object]:
    """What the component shows of a batch; no pictures, so that it can be sent every second."""
    if batch is None:
        return {"batch": "", "running": False, "photos": []}
    rows = [_row(photo) for photo in batch.photos]
    return {"batch": batch.secret, "running": batch.running, "photos": rows}


def _row(photo: Photo) -> dict[str, object]:
    row: dict[str, object] = {
        "key": photo.number,
        "name": photo.name,
        "state": photo.state,
        "share": round(photo.share, 3),
        "reason": photo.reason,
    }
    if (result := photo.result) is not None:
        notes = list(result.photo_notes)
        figures = {"psnr": round(result.psnr, 2), "seconds": round(result.seconds, 2)}
        row |= {**figures, "notes": notes, "mapped": result.has_layout}
    return row
