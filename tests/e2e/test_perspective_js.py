"""The browser's perspective and rules give Python's numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spatial_edit.layouts.boxes3d import PLACEMENT
from spatial_edit.layouts.collisions import collisions
from spatial_edit.layouts.furniture import carried
from spatial_edit.layouts.perspective import corners, directions, on_plane, project
from tests.layouts.sample_room import sample_room

pytestmark = pytest.mark.browser

UI = Path(__file__).resolve().parents[2] / "spatial_edit" / "ui"
CAMERAS = (
    (0.2, 1.5, -0.5, 0.0, -0.1, 1.1),
    (-1.2, 1.7, 0.3, 0.6, -0.35, 0.9),
    (1.0, 0.6, -0.8, -0.9, 0.2, 1.6),
)


@pytest.fixture(scope="module")
def js(browser: Any) -> Any:
    """Evaluates an expression among the canvas's pure functions, with `given` in scope."""
    page = browser.new_page()
    text = "\n".join((UI / f"stage/boxes/{part}.js").read_text() for part in ("geometry", "rules"))
    before = f"const props = {{ furniture: {json.dumps(PLACEMENT)} }}; "
    before += "const copy = (object) => JSON.parse(JSON.stringify(object)); let world = {};"

    def run(expression: str, given: object) -> Any:
        return page.evaluate(
            "([text, given]) => new Function('given', text)(given)",
            [f"{before}\n{text}\nreturn {expression};", given],
        )

    yield run
    page.close()


def plain_boxes() -> list[dict[str, Any]]:
    layout = sample_room()
    return [
        dict(zip(("x", "y", "z", "hx", "hy", "hz"), [*centre, *half], strict=True))
        | {"id": number, "name": name, "facing": facing, "hidden": False, "locked": False}
        for centre, half, number, name, facing in zip(
            layout.centres.tolist(), layout.halves.tolist(), layout.ids, layout.classes, layout.facings,
            strict=True,
        )
    ]  # fmt: skip


@pytest.mark.parametrize("camera", CAMERAS)
def test_projection_rays_and_planes(js: Any, camera: tuple[float, ...]) -> None:
    draw, eye = np.random.RandomState(3), torch.tensor(camera, dtype=torch.float64)
    points = torch.tensor(draw.uniform((-2, 0, 0.5), (2, 2.6, 4.4), (20, 3)))
    spots = torch.tensor(draw.uniform(0, 1, (20, 2)))
    given = {"camera": camera, "points": points.tolist(), "spots": spots.tolist()}
    places, depths = project(points, eye)
    seen = js("given.points.map((point) => project(point, given.camera))", given)
    assert torch.tensor(seen) == pytest.approx(torch.cat([places, depths[:, None]], 1).float(), abs=1e-4)
    rays = js("given.spots.map(([u, v]) => ray(u, v, given.camera))", given)
    assert torch.tensor(rays) == pytest.approx(directions(spots, eye).float(), abs=1e-5)
    floor = js("given.spots.map(([u, v]) => onPlane(u, v, given.camera, 1, 0))", given)
    for spot, got in zip(spots, floor, strict=True):
        expected = on_plane(spot, eye, 1, 0.0)
        assert (got is None) == (expected is None)
        if expected is not None:
            assert got == pytest.approx(expected.tolist(), rel=1e-5, abs=1e-4)


def test_corners_and_a_ray_through_a_box(js: Any) -> None:
    boxes, layout = plain_boxes(), sample_room()
    got = torch.tensor(js("given.map(corners)", boxes))
    torch.testing.assert_close(got, corners(layout.centres, layout.halves))
    eye = layout.camera.tolist()
    spot = project(layout.centres[0], layout.camera)[0].tolist()
    near, far = js(
        "meetBox(given[0], ray(given[1][0], given[1][1], given[0]), given[2])", [eye, spot, boxes[0]]
    )
    depth = float(project(layout.centres[0], layout.camera)[1])
    assert near < depth < far
    assert js("segment([0, 1, -3], [0, 1, -2], given)", eye) is None  # behind the camera
    assert len(js("segment([0, 1, -3], [0, 1, 3], given)", eye)) == 4


def test_what_comes_along_and_what_collides(js: Any) -> None:
    layout, boxes = sample_room(), plain_boxes()
    for number in layout.ids:
        found = js(
            "carried(given[0].find((b) => b.id === given[1]), given[0]).map((b) => b.id)", [boxes, number]
        )
        assert sorted(found) == sorted(carried(layout, number)), number
    moved = boxes[9] | {"x": -0.4, "z": 3.0}  # the chair into the bed
    hits = js(
        "collisions([given.find((b) => b.id === 9)], given).map((b) => b.id)",
        [*boxes[:9], moved, *boxes[10:]],
    )
    centres = layout.centres.clone()
    centres[9] = torch.tensor([moved["x"], moved["y"], moved["z"]])
    from dataclasses import replace

    pairs = [{c.first, c.second} for c in collisions(replace(layout, centres=centres)) if c.kind == "within"]
    assert {0} <= set(hits) and set(hits) == {n for pair in pairs if 9 in pair for n in pair} - {9}
