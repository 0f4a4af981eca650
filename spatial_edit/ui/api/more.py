"""The API's endpoints for photos, maps, variations, films and links."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from spatial_edit.images import MAX_BYTES, to_pil
from spatial_edit.session import Frame
from spatial_edit.ui import context as shared
from spatial_edit.ui.api.fields import Fields
from spatial_edit.ui.context import MODEL_EVENTS, PARSE_EVENTS, Context, sentence, spoken
from spatial_edit.ui.photos.batch import EFFORTS
from spatial_edit.ui.seeing.maps import seen_map
from spatial_edit.ui.seeing.replay import replay_file
from spatial_edit.ui.seeing.variations import variations
from spatial_edit.ui.sharing import ShareDesk
from spatial_edit.uploads import left_out, max_batch


def add_more(context: Context, fields: Fields, button: gr.Button) -> None:
    """Add the endpoints to the surrounding Blocks."""
    _add_photos(context, fields, button)
    _add_views(context, fields, button)


def _add_photos(context: Context, fields: Fields, button: gr.Button) -> None:
    @spoken
    def parse(photo: str | None, model: str, effort: str) -> tuple[Image.Image, str]:
        """Turn a photo into a scene: the scene's picture and its edit code.

        Args:
            photo: an image file
            model: name of a model, see models
            effort: encode, refine or tune
        """
        frame, _ = _parsed(context, photo, model, effort)
        return to_pil(frame.image), frame.code

    @spoken
    def parse_many(photos: list[str] | None, model: str, effort: str) -> list[dict[str, object]]:
        """Turn many photos into scenes: for each its name, and its edit code and likeness (PSNR in dB) or the
        error. One that fails does not harm the rest.

        Args:
            photos: image files
            model: name of a model, see models
            effort: encode, refine or tune
        """
        if not photos:
            raise ValueError("there are no photos: send image files")
        _check_options(context, model, effort)
        most = max_batch()
        rows = [_row(context, photo, model, effort) for photo in photos[:most]]
        return rows + [{"name": Path(photo).name, "error": left_out(most)} for photo in photos[most:]]

    options = [fields.model, fields.effort]
    made = [fields.image, fields.code]
    button.click(parse, [fields.photo, *options], made, api_name="parse", **PARSE_EVENTS)
    button.click(parse_many, [fields.photos, *options], [fields.table], api_name="parse_many", **PARSE_EVENTS)


def _add_views(context: Context, fields: Fields, button: gr.Button) -> None:
    desk = ShareDesk(context)

    @spoken
    def see(code: str, what: str, before: str, target: float | None = None) -> tuple[Image.Image, str]:
        """Draw a map of a scene, and say what it shows: difference (from another scene's picture), opacity or
        depth.

        Args:
            code: an edit code
            what: difference, opacity or depth
            before: for difference, the edit code to compare with
            target: for opacity, the number of one element
        """
        number = None if target is None else shared.whole(target, "the element")
        if what == "difference" and not before:
            raise ValueError("a difference needs before: the edit code to compare with")
        seen = seen_map(context, {"what": what, "code": code, "before": before, "target": number})
        return seen.file(), seen.sentence

    @spoken
    def vary_four(code: str, kind: str, seed: float, keep: Any) -> tuple[list[Image.Image], list[object]]:
        """Make four small pictures of what a scene could be; the table tells the edit that makes each, for
        /edit, or for /vary where its kind is vary.

        Args:
            code: an edit code
            kind: appearance, restyle, complete or relayout (blobs); appearance, replace or relayout
                (heatmaps); restyle, fill or rehouse (boxes)
            seed: 0 to 4294967295
            keep: numbers of the elements that stay, or are restyled
        """
        number = shared.whole(seed, "the seed")
        asked = {"code": code, "kind": kind, "seed": number, "keep": keep or []}
        items: Any = variations(context, asked)["items"]
        return [_picture(item["image"]) for item in items], [
            {"seed": item["seed"], **item["commit"]} for item in items
        ]

    @spoken
    def replay(codes: Any, format: str) -> str:
        """Make a film of the steps of an edit.

        Args:
            codes: 2 to 64 edit codes, the first step first
            format: gif, mp4 or webp
        """
        name, _, data = replay_file(context, {"codes": codes, "format": format}, lambda share: None)
        path = Path(tempfile.mkdtemp(dir=fields.film.GRADIO_CACHE)) / name  # swept with Gradio's cache
        path.write_bytes(data)
        return str(path)

    @spoken
    def link(code: str, request: gr.Request) -> tuple[str, str]:
        """Give the link that opens a scene in this app, and what to know about it.

        Args:
            code: an edit code
        """
        given = desk.shared(code if isinstance(code, str) else "")
        name, text = ("s", given.code[2:]) if given.code.startswith("s:") else ("e", given.code)
        here = str(request.request.base_url) if request.request else ""
        return f"{shared.space_url() or here}?{name}={text}", given.note

    view = [fields.code, fields.what, fields.before, fields.target]
    button.click(see, view, [fields.image, fields.text], api_name="map", **MODEL_EVENTS)
    button.click(
        vary_four,
        [fields.code, fields.variation, fields.seed, fields.keep],
        [fields.images, fields.table],
        api_name="variations",
        **MODEL_EVENTS,
    )
    button.click(replay, [fields.codes, fields.format], [fields.film], api_name="replay", **MODEL_EVENTS)
    button.click(link, [fields.code], [fields.text, fields.note], api_name="link", **MODEL_EVENTS)


def _check_options(context: Context, model: object, effort: object) -> str:
    if effort not in EFFORTS:
        raise ValueError(f"there is no effort {str(effort)[:20]!r}: use one of {', '.join(EFFORTS)}")
    return shared.parsing_model(context, model)


def _parsed(context: Context, photo: str | None, model: str, effort: str) -> tuple[Frame, float]:
    if not photo:
        raise ValueError("there is no photo: send an image file")
    name = _check_options(context, model, effort)
    with open(photo, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    parsed = context.parse(context.lookup, context.store, data, name, effort, "crop", None)
    return parsed.frame, parsed.psnr


def _row(context: Context, photo: str, model: str, effort: str) -> dict[str, object]:
    name = Path(photo).name
    try:
        frame, psnr = _parsed(context, photo, model, effort)
    except (ValueError, OSError) as error:
        return {"name": name, "error": sentence(error)}
    return {"name": name, "code": frame.code, "psnr": round(psnr, 2)}


def _picture(data_url: str) -> Image.Image:
    """The picture of a data URL of ours."""
    picture = Image.open(io.BytesIO(base64.b64decode(data_url.split(",", 1)[1])))
    picture.load()
    return picture
