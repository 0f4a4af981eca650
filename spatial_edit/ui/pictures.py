"""Pictures as the app shows them: enlarged for the eye, as data URLs, and the blob map."""

from __future__ import annotations

import base64
import io
import math

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from spatial_edit.images import enlarge, to_pil
from spatial_edit.layouts import Blobs
from spatial_edit.layouts.overlay import colour

DISPLAY_SIDE = 512  # a smaller picture is enlarged to this, so that the browser never shows blocks
LIVE_SIDE = 256  # the same for live pictures: the browser enlarges the rest of the way; a third of the work
_GROUND = (25, 28, 36)
_OVERSAMPLE = 2  # the map is drawn at twice its side: smooth edges


def display(image: Tensor, side: int = DISPLAY_SIDE) -> Image.Image:
    """(3, H, W) in [-1, 1] as a picture of at least `side` pixels, bicubic."""
    picture = to_pil(image)
    return picture if max(picture.size) >= side else enlarge(picture, side)


def live(image: Tensor) -> Image.Image:
    """The same for a picture that is shown for a moment."""
    return display(image, LIVE_SIDE)


def data_url(picture: Image.Image, *, quality: int = 85) -> str:
    """A JPEG in a data URL: 0.5 ms at 512 pixels, where WebP takes 3 and PNG 76."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def blob_map(layout: Blobs, side: int = DISPLAY_SIDE) -> Image.Image:
    """The visible elements as filled ellipses with their numbers, farthest first, on dark ground."""
    scale = side * _OVERSAMPLE
    canvas = Image.new("RGB", (scale, scale), _GROUND)
    shown = layout.visible()
    for number, centre, radii, angle in zip(
        shown.ids, shown.centres.tolist(), shown.radii().tolist(), shown.angles.tolist(), strict=True
    ):
        outline = _ellipse(centre, radii, angle, scale)
        veil = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
        ImageDraw.Draw(veil).polygon(outline, fill=(*colour(number), 205), outline=(255, 255, 255, 110))
        canvas.paste(veil, mask=veil)
    canvas = canvas.resize((side, side), Image.Resampling.BOX)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=side // 13)
    for number, centre in zip(shown.ids, shown.centres.tolist(), strict=True):
        place = tuple(min(0.97, max(0.03, value)) * side for value in centre)
        draw.text(
            place, str(number), fill="white", font=font, anchor="mm", stroke_width=3, stroke_fill=_GROUND
        )
    return canvas


def _ellipse(
    centre: list[float], radii: list[float], angle: float, scale: int, points: int = 72
) -> list[tuple[float, float]]:
    """Its outline in pixels. The first axis has direction (cos angle, -sin angle): y points down."""
    cosine, sine = math.cos(angle), math.sin(angle)
    outline = []
    for step in range(points):
        turn = 2 * math.pi * step / points
        u, v = radii[0] * math.cos(turn), radii[1] * math.sin(turn)
        outline.append(
            ((centre[0] + u * cosine + v * sine) * scale, (centre[1] - u * sine + v * cosine) * scale)
        )
    return outline


def triptych(pictures: list[Image.Image], side: int = 256, gap: int = 6) -> Image.Image:
    """The pictures side by side, each fitted into a square of `side`."""
    sheet = Image.new("RGB", (len(pictures) * side + (len(pictures) - 1) * gap, side), _GROUND)
    for place, picture in enumerate(pictures):
        fitted = enlarge(picture, side)
        left = place * (side + gap) + (side - fitted.width) // 2
        sheet.paste(fitted, (left, (side - fitted.height) // 2))
    return sheet
