"""A scene's code inside a PNG: one tEXt chunk, so that the saved picture opens the scene again."""

from __future__ import annotations

import struct
import zlib

KEYWORD = b"spatial-edit code"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = 33  # of the signature and the IHDR chunk
_MOST_CHUNKS = 10_000


def is_png(data: bytes) -> bool:
    return data.startswith(_SIGNATURE)


def with_code(png: bytes, code: str) -> bytes:
    """The PNG with the code behind its header. ValueError for what is no PNG."""
    if not is_png(png) or png[12:16] != b"IHDR":
        raise ValueError("this is no PNG file")
    return png[:_HEADER_END] + _chunk(b"tEXt", KEYWORD + b"\0" + code.encode("latin-1")) + png[_HEADER_END:]


def code_in(png: bytes) -> str:
    """The code in a PNG, "" where there is none; the picture itself is not decoded. ValueError for a damaged
    file."""
    place = len(_SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        if place + 12 > len(png):
            break
        (length,) = struct.unpack(">I", png[place : place + 4])
        kind, body = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        end = place + 12 + length
        if end > len(png) or png[end - 4 : end] != struct.pack(">I", zlib.crc32(kind + body)):
            raise ValueError("this PNG is damaged: save it again")
        if kind == b"tEXt" and body.startswith(KEYWORD + b"\0"):
            return body[len(KEYWORD) + 1 :].decode("latin-1")
        if kind == b"IEND":
            break
        place = end
    return ""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
