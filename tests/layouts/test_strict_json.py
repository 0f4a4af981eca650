"""Strict JSON: what the depth check takes for a string, and how long it takes."""

from __future__ import annotations

import time

import pytest

from spatial_edit.layouts.strict_json import JsonError, parse


@pytest.mark.parametrize("tail", ['\\"', '"', "\\", "a", '\\"['])
def test_a_string_that_never_ends_takes_no_time(tail: str) -> None:
    """A search that starts again at every quote would take minutes."""
    began = time.perf_counter()
    with pytest.raises(JsonError, match="valid JSON"):
        parse('{"a":"' + tail * 50_000 + '"' * (tail == '"'), max_depth=3)
    assert time.perf_counter() - began < 2


def test_brackets_count_outside_strings_alone() -> None:
    assert parse(r'{"[[[": "]]\"[[[\\"}', max_depth=1) == {"[[[": ']]"[[[\\'}
    with pytest.raises(JsonError, match="deeper than 2"):
        parse(r'{"\\": [[1]]}', max_depth=2)
