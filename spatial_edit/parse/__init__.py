"""Parse: a photo becomes a scene, by one pass, by optimisation, or with adapted weights."""

from spatial_edit.parse.photo import EFFORTS, Parsed, parse_photo

__all__ = ["EFFORTS", "Parsed", "parse_photo"]
