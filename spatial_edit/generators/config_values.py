"""Values of a config.json, checked: type and range, with the field's name in every message."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeGuard

WIDEST = 16384  # channels of a layer


def whole(data: Mapping[str, object], name: str, least: int, most: int, default: int | None = None) -> int:
    """A whole number in [least, most]. ValueError; also when it lacks and there is no default."""
    value = data.get(name, default)
    if value is None:
        raise ValueError(f"config.json is incomplete: it lacks '{name}'")
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"config.json: '{name}' must be a whole number from {least} to {most}")
    return value


def limit(data: Mapping[str, object], name: str) -> float | None:
    """A positive finite number, or None (also when it lacks)."""
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"config.json: '{name}' must be a positive number or null")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"config.json: '{name}' must be a positive number or null")
    return float(value)


def flag(data: Mapping[str, object], name: str, default: bool = False) -> bool:
    """True or false."""
    value = data.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"config.json: '{name}' must be true or false")
    return value


def choice(data: Mapping[str, object], name: str, allowed: Sequence[str], default: str) -> str:
    """One of the words of `allowed`."""
    value = data.get(name, default)
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"config.json: '{name}' must be one of {', '.join(allowed)}")
    return value


def widths(data: Mapping[str, object], name: str, resolution: int) -> dict[int, int]:
    """Pairs [side, channels], one for every side 4, 8, .., resolution; others are refused."""
    value = data.get(name)
    if value is None:
        raise ValueError(f"config.json is incomplete: it lacks '{name}'")
    pairs = value if isinstance(value, list) else [value]
    found = {pair[0]: pair[1] for pair in pairs if _is_width(pair)}
    if len(found) != len(pairs):
        raise ValueError(f"config.json: '{name}' must be pairs [side, channels], one for each side")
    sides = [4 << i for i in range(resolution.bit_length()) if 4 << i <= resolution]
    if sides[-1:] != [resolution]:
        raise ValueError(f"config.json: resolution {resolution} must be a power of two")
    if set(found) != set(sides):
        raise ValueError(f"config.json: '{name}' must have one pair for each of the sides {sides}")
    return found


def _is_width(pair: object) -> TypeGuard[list[int]]:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(type(number) is int for number in pair)
        and 1 <= pair[1] <= WIDEST
    )
