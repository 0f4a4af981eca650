"""Live layouts: what a canvas sends in the middle of a drag."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.edits import EditError, arrange
from spatial_edit.layouts import Blobs, Source

LAYOUT = Blobs(
    centres=torch.tensor([[0.25, 0.5], [0.5, 0.75]]),
    sizes=torch.tensor([0.125, 0.25]),
    aspects=torch.tensor([1.0, 2.0]),
    angles=torch.tensor([0.5, 0.25]),
    ids=(4, 9),
    rows=(0, 1),
    locked=(False, True),
    opacities=(0.5, 1.0),
    sources=(Source(3, 1, 0.25), None),
    colours=(None, (1, 2, 3)),
)
FREE = {"id": 4, "x": 0.25, "y": 0.5, "size": 0.125, "aspect": 1.0, "angle": 0.5, "hidden": False}
FREE_STYLE = {"opacity": 0.5, "share": 0.25, "colour": None}
LOCKED = {"id": 9, "x": 0.5, "y": 0.75, "size": 0.25, "aspect": 2.0, "angle": 0.25, "hidden": False}
LOCKED_STYLE = {"opacity": 1.0, "share": None, "colour": "#010203"}


def test_the_same_layout_with_and_without_styles():
    assert arrange(LAYOUT, [FREE, LOCKED]).same(LAYOUT)
    assert arrange(LAYOUT, [FREE | FREE_STYLE, LOCKED | LOCKED_STYLE]).same(LAYOUT)


def test_styles_follow_the_canvas():
    style = {"opacity": 0.125, "share": 0.755, "colour": "#ff8000"}
    after = arrange(LAYOUT, [LOCKED | LOCKED_STYLE, FREE | style])
    assert after.ids == (9, 4) and after.opacities == (1.0, 0.12)
    assert after.sources == (None, Source(3, 1, 0.76)) or after.sources == (None, Source(3, 1, 0.75))
    assert after.colours == ((1, 2, 3), (255, 128, 0))
    assert arrange(LAYOUT, [FREE | FREE_STYLE | {"share": None}]).sources == (Source(3, 1, 0.25),)


@pytest.mark.parametrize(
    "element, words",
    [
        (LOCKED | LOCKED_STYLE | {"opacity": 0.5}, "element 9 is locked"),
        (LOCKED | LOCKED_STYLE | {"colour": None}, "element 9 is locked"),
        (LOCKED | LOCKED_STYLE | {"share": 0.5}, "element 9 has no second appearance"),
        (LOCKED | {"x": 0.6}, "element 9 is locked"),
        (FREE | {"opacity": 0.5}, "lacks share, colour"),
        (FREE | FREE_STYLE | {"row": 1}, "unknown key 'row'"),
        (FREE | FREE_STYLE | {"opacity": 2}, "opacity of element 1"),
        (FREE | FREE_STYLE | {"opacity": None}, "opacity of element 1"),
        (FREE | FREE_STYLE | {"share": -1}, "share of element 1"),
        (FREE | FREE_STYLE | {"colour": "red"}, "colour of element 1"),
    ],
)
def test_a_bad_style_is_refused(element, words):
    with pytest.raises(EditError, match=words):
        arrange(LAYOUT, [element])
