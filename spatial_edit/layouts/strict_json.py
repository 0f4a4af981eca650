"""Strict JSON: what a browser, a link or a file sends is checked key by key before anything is made of it.

`parse` refuses text that is too long or too deep, NaN and infinities, and repeated keys; `record`, `number`,
`integer`, `flag` and `text` refuse whatever is not exactly what was asked for (`true` is no number). Every
refusal is a JsonError with one sentence that says what was found and what is wanted.
"""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

MAX_CHARS = 200_000
MAX_DEPTH = 8

# Possessive, and one that is never closed reaches to the end: the time stays in proportion to the length.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


class JsonError(ValueError):
    """The text is not JSON, or not the JSON that was asked for."""


def show(value: object, limit: int = 40) -> str:
    """A short ASCII form of any value for an error message."""
    if isinstance(value, dict | list):
        return f"a JSON {'object' if isinstance(value, dict) else 'array'}"
    if isinstance(value, int) and abs(value) >= 10**limit:
        return "a very long number"
    shown = ascii(value[: limit + 1] if isinstance(value, str) else value)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def parse(
    source: str, *, what: str = "the JSON", max_chars: int = MAX_CHARS, max_depth: int = MAX_DEPTH
) -> object:
    """The value of a JSON text; JsonError when it is too long, too deep, malformed, or repeats a key."""
    if len(source) > max_chars:
        raise JsonError(f"{what} has {len(source)} characters, at most {max_chars} are read: send less")
    if _depth(source) > max_depth:
        raise JsonError(f"{what} is nested deeper than {max_depth} levels: flatten it")
    try:
        return json.loads(source, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except JsonError:
        raise
    except (ValueError, RecursionError) as error:
        where = (
            f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise JsonError(f"{what} is not valid JSON{where}: check quotes, commas and brackets") from error


def _depth(source: str) -> int:
    """The deepest nesting of brackets outside strings."""
    depth = deepest = 0
    for character in _STRING.sub("", source):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result:
            raise JsonError(f"the key {show(key)} is given twice: give it once")
        result[key] = value
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is no number here: use a finite one")


def record(
    value: object, what: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, object]:
    """The value as a dict with exactly the required keys and perhaps the optional ones."""
    if not isinstance(value, dict):
        raise JsonError(f"{what} must be a JSON object, not {show(value)}")
    allowed = required + optional
    for key in value:
        if key not in allowed:
            raise JsonError(f"{what} has the unknown key {show(key)}: allowed are {', '.join(allowed)}")
    missing = [key for key in required if key not in value]
    if missing:
        raise JsonError(f"{what} lacks {', '.join(missing)}: add it")
    return value


def array(value: object, what: str, max_items: int) -> list[object]:
    """The value as a list of at most `max_items`."""
    if not isinstance(value, list):
        raise JsonError(f"{what} must be a JSON array, not {show(value)}")
    if len(value) > max_items:
        raise JsonError(f"{what} has {len(value)} items, at most {max_items} are allowed: send fewer")
    return value


def number(value: object, what: str, low: float, high: float) -> float:
    """The value as a finite float within [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise JsonError(f"{what} must be a number, not {show(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise JsonError(f"{what} must be a finite number, not {value}")
    if not low <= value <= high:
        raise JsonError(f"{what} is {show(value)}: it must lie in [{low:g}, {high:g}]")
    return float(value)


def integer(value: object, what: str, low: int, high: int) -> int:
    """The value as an int within [low, high]; 3.0 is refused."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise JsonError(f"{what} must be a whole number, not {show(value)}")
    if not low <= value <= high:
        raise JsonError(f"{what} is {show(value)}: it must lie in [{low}, {high}]")
    return value


def flag(value: object, what: str) -> bool:
    """The value as a bool; 0 and 1 are refused."""
    if not isinstance(value, bool):
        raise JsonError(f"{what} must be true or false, not {show(value)}")
    return value


def text(value: object, what: str, pattern: str) -> str:
    """The value as a str that matches the whole pattern."""
    if not isinstance(value, str):
        raise JsonError(f"{what} must be a text, not {show(value)}")
    if not re.fullmatch(pattern, value):
        raise JsonError(f"{what} is {show(value)}: it must match {pattern}")
    return value


def widened(limits: tuple[float, float]) -> tuple[float, float]:
    """A range with room for its ends as float32, which may lie a rounding beyond them."""
    return limits[0] - abs(limits[0]) * 1e-6, limits[1] + abs(limits[1]) * 1e-6
