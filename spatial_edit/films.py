"""A film's file: pictures and how long each is shown, as GIF, MP4 or WebP."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FRAMES_A_SECOND = 12
SIDES = {"gif": 320, "mp4": 512, "webp": 512}  # pixels; a GIF's size grows fast
BAND = 8  # pixels of an accent colour under the pictures that a palette is made of
KINDS = {"gif": "image/gif", "mp4": "video/mp4", "webp": "image/webp"}


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture and for how many frames it is shown."""

    picture: Image.Image
    frames: int


def film_file(shots: list[Shot], kind: str, accents: tuple[str, ...] = ()) -> bytes:
    """The file of pictures of one size, its sides even; ValueError for another format, or where no encoder is
    installed. accents: colours of small marks, which a GIF's palette shall hold as well."""
    if kind == "mp4":
        return _mp4(shots)
    if kind not in KINDS:
        raise ValueError(f"there is no film format {kind[:20]!r}: choose {', '.join(KINDS)}")
    durations = [round(1000 * shot.frames / FRAMES_A_SECOND) for shot in shots]
    pictures = [shot.picture for shot in shots]
    options: dict[str, object] = {"quality": 82, "method": 2}
    if kind == "gif":
        pictures, options = _in_one_palette(pictures, accents), {"disposal": 1}
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, kind.upper(), save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options
    )
    return buffer.getvalue()


def _in_one_palette(
    pictures: list[Image.Image], accents: tuple[str, ...] = (), samples: int = 6
) -> list[Image.Image]:
    """Dithered in the 256 colours of a few of them together: no flicker, and a tenth of the time."""
    few = pictures[:: max(1, len(pictures) // samples)]
    side = pictures[0].width // 2
    sheet = Image.new("RGB", (side * len(few), side + BAND * len(accents)))
    for place, picture in enumerate(few):
        sheet.paste(picture.resize((side, side)), (place * side, 0))
    for place, colour in enumerate(accents):
        sheet.paste(colour, (0, side + BAND * place, sheet.width, side + BAND * (place + 1)))
    palette = sheet.quantize(256, Image.Quantize.MEDIANCUT)
    return [picture.quantize(palette=palette) for picture in pictures]


def _mp4(shots: list[Shot]) -> bytes:
    """H.264 in yuv420p with the index in front: what every browser plays."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise ValueError("MP4 needs a package that is not here: pip install imageio-ffmpeg") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replay.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(path),
            shots[0].picture.size,
            fps=FRAMES_A_SECOND,
            codec="libx264",
            pix_fmt_out="yuv420p",
            macro_block_size=2,
            ffmpeg_log_level="error",
            output_params=["-crf", "18", "-preset", "fast", "-threads", "2", "-movflags", "+faststart"],
        )
        writer.send(None)
        for shot in shots:
            pixels = np.ascontiguousarray(np.asarray(shot.picture))
            for _ in range(shot.frames):
                writer.send(pixels)
        writer.close()
        return path.read_bytes()
