"""Heatmaps, boxes, segments, blocks and points as bytes: what a code of version 4 or 6 holds.

The layout's JSON (layouts/kinds_codec.py) with its keys in order, no spaces, and numbers in steps of 1/10000.
"""

from __future__ import annotations

import json

import torch

from spatial_edit.layouts.kinds_codec import Plain, plain_from_json, plain_to_json
from spatial_edit.layouts.strict_json import JsonError, parse
from spatial_edit.share.envelope import CodeError, damaged

DIGITS = 4  # decimals: finer than a pixel of any picture here
_MOST = 3000  # bytes that fit a code


def pack(layout: Plain) -> bytes:
    """The layout's bytes; CodeError for values that are not finite or out of range, and for one too large."""
    for name, value in vars(layout).items():
        if isinstance(value, torch.Tensor) and not bool(torch.isfinite(value).all()):
            raise CodeError(f"the layout's {name} hold a value that is not finite: undo the last edit")
    text = json.dumps(_rounded(plain_to_json(layout)), sort_keys=True, separators=(",", ":"))
    try:
        plain_from_json(json.loads(text))
    except JsonError as error:
        raise CodeError(str(error)) from error
    if len(text) > _MOST:
        raise CodeError("this layout is too large for a link: simplify it, or save the scene as a file")
    return text.encode()


def unpack(packed: bytes) -> Plain:
    """The layout; CodeError unless the bytes are exactly what `pack` makes."""
    try:
        layout = plain_from_json(parse(packed.decode(), what="the layout", max_chars=_MOST))
    except (JsonError, UnicodeDecodeError) as error:
        raise damaged() from error
    if pack(layout) != packed:
        raise damaged()
    return layout


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, DIGITS) + 0.0 if isinstance(value, float) else value
