"""The API through gradio_client: every edit of the tables, its documentation, and errors as one sentence."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from spatial_edit.edits import boxes3d, ops  # noqa: E402
from spatial_edit.generators.blobgan.renderer import BlobGenerator  # noqa: E402
from spatial_edit.generators.box3d.renderer import Box3DGenerator  # noqa: E402
from spatial_edit.session.scene_ops import SCENE_OPS  # noqa: E402
from spatial_edit.store import Store  # noqa: E402
from spatial_edit.ui.wiring import build, launch_options  # noqa: E402
from tests.ui.fake_generator import fake_parse  # noqa: E402

BLOBS, BOXES = "blobgan-tiny", "box3d-tiny"
POINTS = [[0.2, 0.2], [0.6, 0.25], [0.55, 0.6], [0.25, 0.5]]
HALF = base64.b64encode(b"\xff" * 256 + bytes(256)).decode()  # the upper half may change
OF_BLOBS: dict[str, dict[str, Any]] = {
    "move": {"target": 1, "dx": 0.1, "dy": -0.05},
    "resize": {"target": 1, "factor": 1.4},
    "rotate": {"target": 1, "angle": 0.5},
    "reshape": {"target": 1, "factor": 1.5},
    "set": {"target": 1, "x": 0.3, "angle": 1.0},
    "draw": {"target": 1, "points": POINTS},
    "reorder": {"target": 1, "to": 0},
    "clone": {"target": 1, "dx": 0.1, "dy": 0.1},
    "opacity": {"target": 1, "value": 0.4},
    "restyle": {"target": 1, "row": 0, "seed": 9, "share": 0.5},
    "recolour": {"target": 1, "colour": "#ff8800"},
    "swap": {"target": 1, "with": 2},
    "remove": {"target": 1},
    "hide": {"target": 1},
    "lock": {"target": 1},
    "group": {"targets": [1, 2], "dx": 0.05, "factor": 1.2, "angle": 0.3},
    "align": {"targets": [1, 2, 3], "edge": "left"},
    "distribute": {"targets": [0, 1, 2], "axis": "x"},
    "add": {"row": 2, "x": 0.5, "y": 0.5, "size": 0.2, "aspect": 1.0, "angle": 0.0},
    "background": {"seed": 4, "share": 0.7},
    "surface": {"surface": "floor", "colour": "#223344"},
    "appearance": {"seed": 12},
    "complete": {"keep": [1, 2], "seed": 3},
    "relayout": {"seed": 8},
    "truncate": {"amount": 0.5},
    "protect": {"mask": HALF},
}
AFTER = {  # what an op of blobs needs to be done before
    "show": ({"op": "hide", "target": 1}, {"target": 1}),
    "unlock": ({"op": "lock", "target": 1}, {"target": 1}),
    "mix": ({"op": "restyle", "target": 1, "row": 0, "seed": 9}, {"target": 1, "share": 0.2}),
    "unstyle": ({"op": "restyle", "target": 1, "row": 0, "seed": 9}, {"target": 1}),
    "unprotect": ({"op": "protect", "mask": HALF}, {}),
}
OF_BOXES: dict[str, dict[str, Any]] = {
    "slide": {"target": 1, "dx": 0.2, "dz": 0.0},
    "place": {"target": 7, "x": 0.2, "z": 2.0},
    "lift": {"target": 5, "dy": 0.1},
    "turn": {"target": 7, "quarters": 1},
    "resize": {"target": 1, "fx": 0.9},
    "swap": {"target": 2, "with": 7},
    "stack": {"target": 3, "on": 6},
    "recolour": {"target": 1, "r": 0.9, "g": 0.1, "b": 0.1},
    "restyle": {"target": 1, "variant": 3},
    "clone": {"target": 2},
    "remove": {"target": 1},
    "hide": {"target": 1},
    "lock": {"target": 1},
    "add": {"class": "plant"},
    "camera": {"orbit": 0.2},
    "room": {"width": 4.4},
    "surface": {"surface": "walls", "r": 0.9, "g": 0.8, "b": 0.7},
    "light": {"time": "evening"},
    "protect": {"mask": HALF},
}


def serve(*generators: Any) -> Iterator[Any]:
    library = pytest.importorskip("gradio_client", reason="gradio_client comes with gradio")
    known = {generator.spec.name: generator for generator in generators}
    specs = {name: generator.spec for name, generator in known.items()}
    demo = build(known.__getitem__, Store(), specs, parse=fake_parse)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    demo.launch(server_port=port, prevent_thread_lock=True, quiet=True, **launch_options())
    yield library.Client(f"http://127.0.0.1:{port}", verbose=False)
    demo.close()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    yield from serve(BlobGenerator.tiny(), Box3DGenerator.tiny())


@pytest.fixture(scope="module")
def blobs(client: Any) -> str:
    return client.predict(BLOBS, 3, 0, api_name="/generate")[1]


@pytest.fixture(scope="module")
def boxes(client: Any) -> str:
    return client.predict(BOXES, 3, 0, api_name="/generate")[1]


def pixels(path: str) -> bytes:
    with Image.open(path) as image:
        assert image.format == "PNG" and image.size == (32, 32)
        return image.convert("RGB").tobytes()


def edited(client: Any, code: str, edit: Any) -> str:
    """The code after an edit; its picture is the one that the code opens."""
    image, after = client.predict(code, edit, api_name="/edit")
    assert pixels(image) == pixels(client.predict(after, api_name="/open"))
    return after


# ---- every op ----


@pytest.mark.parametrize("op", OF_BLOBS)
def test_ops_of_blobs_and_scenes(client: Any, blobs: str, op: str) -> None:
    assert edited(client, blobs, {"op": op, **OF_BLOBS[op]}) != blobs


@pytest.mark.parametrize("op", AFTER)
def test_ops_of_blobs_that_take_something_back(client: Any, blobs: str, op: str) -> None:
    first, keys = AFTER[op]
    between = edited(client, blobs, first)
    after = edited(client, between, {"op": op, **keys})
    assert after != between
    assert (after == blobs) is (op != "mix")
    assert edited(client, blobs, [first, {"op": op, **keys}]) == after  # as one array


def test_morph_goes_towards_another_scene(client: Any, blobs: str) -> None:
    other = client.predict(BLOBS, 31, 0, api_name="/generate")[1]
    half = edited(client, blobs, {"op": "morph", "code": other, "share": 0.5})
    assert half not in (blobs, other)


@pytest.mark.parametrize("op", OF_BOXES)
def test_ops_of_boxes(client: Any, boxes: str, op: str) -> None:
    assert edited(client, boxes, {"op": op, **OF_BOXES[op]}) != boxes


@pytest.mark.parametrize("op", ["show", "unlock"])
def test_ops_of_boxes_that_take_something_back(client: Any, boxes: str, op: str) -> None:
    before = {"show": "hide", "unlock": "lock"}[op]
    assert edited(client, boxes, [{"op": before, "target": 1}, {"op": op, "target": 1}]) == boxes


def test_no_op_is_left_untested() -> None:
    assert {*OF_BLOBS, *AFTER, "morph"} == {*ops.OPS, *SCENE_OPS}
    assert {*OF_BOXES, "show", "unlock", "arrange"} == {*boxes3d.BOX_OPS, "protect"}


# ---- the other endpoints ----


def test_describe_tells_the_numbers_that_edits_take(client: Any, blobs: str, boxes: str) -> None:
    scene = client.predict(blobs, api_name="/describe")
    assert scene["model"] == BLOBS and scene["seed"] == 3
    assert [element["id"] for element in scene["elements"]] == [0, 1, 2, 3]
    after = edited(client, blobs, {"op": "move", "target": 2, "dx": 0.1, "dy": 0.0})
    moved = client.predict(after, api_name="/describe")["elements"][2]
    assert moved["x"] == pytest.approx(scene["elements"][2]["x"] + 0.1, abs=2e-3)
    assert {element["name"] for element in client.predict(boxes, api_name="/describe")["elements"]} >= {"bed"}


def test_models_are_listed(client: Any) -> None:
    table = client.predict(api_name="/models")
    assert [(row["name"], row["kind"]) for row in table] == [(BLOBS, "blobs"), (BOXES, "boxes3d")]
    assert "recolour" in table[0]["edits"]


def test_complete_keeps_what_it_is_told(client: Any, blobs: str, boxes: str) -> None:
    _, after = client.predict(blobs, [1, 2], 3, api_name="/complete")
    kept = [
        [
            element
            for element in client.predict(code, api_name="/describe")["elements"]
            if element["id"] in (1, 2)
        ]
        for code in (blobs, after)
    ]
    assert kept[0] == kept[1] and len(kept[0]) == 2 and after != blobs
    _, room = client.predict(boxes, [1], 3, api_name="/complete")
    assert room == client.predict(boxes, "fill", 3, [1], api_name="/vary")[1] != boxes


def test_variations_come_with_the_edits_that_make_them(client: Any, blobs: str) -> None:
    images, table = client.predict(blobs, "appearance", 5, [], api_name="/variations")
    assert len(images) == len(table) == 4
    assert len({edited(client, blobs, row["edit"]) for row in table}) == 4
    for item in images:
        with Image.open(item["image"]) as picture:
            assert picture.size == (256, 256)


def test_map_of_a_difference_says_where(client: Any, blobs: str) -> None:
    after = edited(client, blobs, {"op": "move", "target": 1, "dx": -0.2, "dy": 0.0})
    image, text = client.predict(after, "difference", blobs, api_name="/map")
    assert re.fullmatch(r"Changed inside [\d.]+ %, outside [\d.]+ %\.|Changed .*", text)
    with Image.open(image) as picture:
        assert min(picture.size) >= 256


def test_replay_is_a_film(client: Any, blobs: str) -> None:
    after = edited(client, blobs, {"op": "move", "target": 1, "dx": -0.2, "dy": 0.0})
    film = client.predict([blobs, after], "gif", api_name="/replay")
    with Image.open(film) as picture:
        assert picture.format == "GIF" and picture.n_frames > 5


def test_link_opens_the_scene(client: Any, blobs: str) -> None:
    link, note = client.predict(blobs, api_name="/link")
    assert link == f"{client.src.rstrip('/')}/?e={blobs}" and note == ""


def test_many_photos_at_once(client: Any, tmp_path: Path) -> None:
    from gradio_client import handle_file

    good, bad = tmp_path / "room.png", tmp_path / "notes.png"
    Image.new("RGB", (40, 30), (120, 90, 60)).save(good)
    bad.write_text("hello")
    photos = [handle_file(str(path)) for path in (good, bad)]
    first, second = client.predict(photos, BLOBS, "encode", api_name="/parse_many")
    assert first["name"] == "room.png" and first["code"].startswith("s:") and first["psnr"] > 0
    assert second == {"name": "notes.png", "error": second["error"]} and "not an image" in second["error"]
    link, note = client.predict(first["code"], api_name="/link")
    assert link.endswith(f"/?s={first['code'][2:]}") and "until the app restarts" in note


# ---- documentation ----


def test_every_parameter_has_a_type_and_words(client: Any) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {
        *("/models", "/generate", "/open", "/describe", "/edit", "/complete", "/vary", "/parse"),
        *("/parse_many", "/map", "/variations", "/replay", "/link", "/drag"),
    }
    for name, endpoint in endpoints.items():
        assert len(endpoint["description"]) > 20, name
        for parameter in endpoint["parameters"]:
            kind = parameter["python_type"]
            assert kind["type"] not in ("", "Any", "str | float | bool | list | dict"), parameter
            assert 4 < len(kind["description"]) < 120, parameter
    assert endpoints["/generate"]["parameters"][0]["python_type"]["type"] == f"Literal['{BLOBS}', '{BOXES}']"
    assert endpoints["/complete"]["parameters"][1]["python_type"]["type"] == "list[int]"
    for made in ("/generate", "/edit", "/vary", "/parse", "/complete", "/open", "/map"):
        assert endpoints[made]["returns"][0]["python_type"]["type"] == "filepath"


def test_the_manual_names_every_op(client: Any) -> None:
    manual = client.view_api(return_format="dict")["named_endpoints"]["/edit"]["description"]
    for op in {*ops.OPS, *boxes3d.BOX_OPS, *SCENE_OPS}:
        assert re.search(rf"^ +(\w+, )*{op}\b", manual, re.MULTILINE), op


# ---- errors ----


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("edit", ("CODE", {"op": "explode"}), "no known op"),
        ("edit", ("CODE", {"op": "move", "target": 99, "dx": 0, "dy": 0}), "no element 99"),
        ("edit", ("CODE", [{"op": "hide", "target": 1}, {"op": "hide"}]), "Edit 2"),
        ("edit", ("CODE", "{"), "JSON"),
        ("edit", ("CODE", [{"op": "hide", "target": 1}] * 65), "64"),
        ("edit", ("CODE", {"op": "protect", "mask": "AAAA"}), "mask"),
        ("edit", ("CODE", {"op": "morph", "code": "<script>", "share": 0.5}), "damaged"),
        ("edit", ("<img src=x onerror=alert(1)>", {"op": "hide", "target": 1}), "damaged"),
        ("edit", ("${alert(1)}", {"op": "hide", "target": 1}), "damaged"),
        ("complete", ("CODE", [77], 1), "77"),
        ("complete", ("CODE", "all", 1), "Keep"),
        ("complete", ("CODE", [], 1.5), "whole number"),
        ("vary", ("CODE", "fill", 1, []), "cannot vary"),
        ("describe", ("s:AAAAAAAAAAAAAAAAAAAAAA",), "not in the store"),
        ("map", ("CODE", "colour", ""), "map"),
        ("map", ("CODE", "difference", ""), "needs before"),
        ("map", ("CODE", "opacity", "", 1.5), "whole number"),
        ("variations", ("CODE", "explode", 1, []), "no variation"),
        ("variations", ("CODE", "complete", 1, ["x"]), "number"),
        ("replay", (["CODE"], "gif"), "2 to 64"),
        ("replay", (["CODE", "CODE"], "avi"), "no film format"),
        ("link", ("../../etc/passwd",), "damaged"),
        ("link", ("s:../../../../etc/passwd",), "damaged"),
        ("parse_many", ([], BLOBS, "encode"), "no photos"),
    ],
)
def test_errors_are_one_sentence(
    client: Any, blobs: str, name: str, arguments: tuple[Any, ...], words: str
) -> None:
    from gradio_client.exceptions import AppError

    def put(value: Any) -> Any:
        return (
            [put(item) for item in value] if isinstance(value, list) else blobs if value == "CODE" else value
        )

    with pytest.raises(AppError, match=words) as caught:
        client.predict(*map(put, arguments), api_name=f"/{name}")
    message = str(caught.value)
    assert message.endswith((".", "!", "?")) and "Traceback" not in message and len(message) < 300
