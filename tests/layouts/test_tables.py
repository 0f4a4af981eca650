"""Tables of a layout's elements."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.layouts import Blobs
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.layout import Layout
from spatial_edit.layouts.tables import element_table
from tests.layouts.sample_room import sample_room


def test_boxes_are_told_in_metres() -> None:
    layout = sample_room()
    header, rows = element_table(layout)
    first = dict(zip(header, rows[0], strict=True))
    assert (first["number"], first["name"]) == (layout.ids[0], layout.classes[0])
    assert float(str(first["height"])) == pytest.approx(2 * layout.halves[0, 1].item(), abs=1e-4)
    assert len(rows) == len(layout) and all(len(row) == len(header) for row in rows)


def test_centres_are_told_with_their_levels() -> None:
    centres = torch.tensor([[0.5, 0.25], [0.1, 0.9]])
    layout = Heatmaps(centres, torch.tensor([0.25, 0.1]), (0, 1), ids=(4, 1), hidden=(False, True))
    header, rows = element_table(layout, ("face", "left eye"))
    second = dict(zip(header, rows[1], strict=True))
    assert [row[1] for row in rows] == ["", "left eye"]  # there is no word for number 4
    assert (second["number"], second["level"], second["hidden"]) == (1, 1, 1)
    assert [float(str(second[key])) for key in ("x", "y", "sigma")] == pytest.approx([0.1, 0.9, 0.1])


def test_another_kind_is_refused() -> None:
    class Other(Layout):
        kind = "other"

    with pytest.raises(ValueError, match="no table of other"):
        element_table(Other())
    assert Blobs.kind != Other.kind
