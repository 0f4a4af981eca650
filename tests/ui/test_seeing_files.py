"""Maps, variations and scene files by the canvas's server functions, and what hostile requests get."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from spatial_edit.generators.blobgan.renderer import BlobGenerator  # noqa: E402
from spatial_edit.generators.box3d.renderer import Box3DGenerator  # noqa: E402
from spatial_edit.images import to_png_bytes  # noqa: E402
from spatial_edit.layouts.codec import scene_to_json  # noqa: E402
from spatial_edit.layouts.scene import Provenance  # noqa: E402
from spatial_edit.store import Store  # noqa: E402
from spatial_edit.ui.context import Context  # noqa: E402
from spatial_edit.ui.files import scene_file  # noqa: E402
from spatial_edit.ui.scenes import commit  # noqa: E402
from spatial_edit.ui.seeing.desk import Desk  # noqa: E402
from spatial_edit.ui.seeing.maps import seen_map  # noqa: E402
from spatial_edit.ui.seeing.opening import MAX_FILE_BYTES, opened_code  # noqa: E402
from spatial_edit.ui.seeing.png_code import code_in, is_png, with_code  # noqa: E402
from spatial_edit.ui.seeing.service import seeing_functions  # noqa: E402
from spatial_edit.ui.seeing.variations import COUNT, variations  # noqa: E402
from spatial_edit.ui.serving.seats import Seats  # noqa: E402
from tests.ui.fake_generator import FakeGenerator, fake_parse  # noqa: E402

MODEL = "fake-rooms"
PLAIN = to_png_bytes(Image.new("RGB", (8, 8), "teal"))


def context_of(*generators: Any) -> Context:
    known = {generator.spec.name: generator for generator in generators}
    specs = {name: generator.spec for name, generator in known.items()}
    made: Context = Context(known.__getitem__, Store(), specs, fake_parse, Seats(lambda: made.new_session()))
    return made


@pytest.fixture
def context() -> Context:
    return context_of(FakeGenerator())


@pytest.fixture(scope="module")
def tiny() -> Context:
    return context_of(BlobGenerator.tiny(), Box3DGenerator.tiny())


def as_payload(data: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(data).decode()}


def picture_of(url: object) -> Image.Image:
    assert isinstance(url, str)
    return Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))


def moved(context: Context, seed: int = 6) -> tuple[str, str]:
    """Codes before and after a move."""
    session = context.new_session()
    before = session.generate(MODEL, seed).code
    return before, session.edit({"op": "move", "target": 9, "dx": 0.1, "dy": 0.0}).code


# ---- maps ----


def test_the_difference_of_two_codes(context: Context) -> None:
    before, after = moved(context)
    answer = seen_map(context, {"what": "difference", "code": after, "before": before}).answer()
    picture = picture_of(answer["image"])
    assert picture.size == (512, 512) and answer["ramp"] == "heat"
    sentence = str(answer["sentence"])
    assert sentence.startswith("Changed inside ") and ", outside " in sentence
    calm = seen_map(context, {"what": "difference", "code": before, "before": before}).answer()
    assert calm["sentence"] == "Changed inside 0 %, outside 0 %."


@pytest.mark.parametrize("model", ["blobgan-tiny", "box3d-tiny"])
@pytest.mark.parametrize("what", ["opacity", "depth"])
def test_opacity_and_depth_of_both_kinds(tiny: Context, model: str, what: str) -> None:
    frame = tiny.new_session().generate(model, 3)
    target = frame.scene.layout.ids[0]  # type: ignore[attr-defined]
    for request in ({}, {"target": target}):
        shown = seen_map(tiny, {"what": what, "code": frame.code, **request})
        assert shown.picture.size == (512, 512) and shown.sentence.endswith(".")
    if what == "opacity":
        assert str(target) in shown.title
    name = scene_file(tiny, {"what": what, "code": frame.code})["name"]
    assert str(name).endswith(f"-{what}.png")


@pytest.mark.parametrize(
    "payload",
    [
        None, [], {}, {"what": "difference"}, {"what": "soul", "code": "x"}, {"what": "depth", "code": 5},
        {"what": "depth", "code": "x" * 5000}, {"what": "difference", "code": "GOOD"},
        {"what": "opacity", "code": "GOOD", "target": "1"}, {"what": "opacity", "code": "GOOD", "target": 77},
        {"what": "opacity", "code": "GOOD", "target": True}, {"what": "depth", "code": "AAAA"},
    ],
)  # fmt: skip
def test_a_bad_map_request_gets_one_sentence(tiny: Context, payload: Any) -> None:
    see, *_ = seeing_functions(tiny)
    if isinstance(payload, dict) and payload.get("code") == "GOOD":
        payload["code"] = tiny.new_session().generate("blobgan-tiny", 3).code
    answer = see(payload)
    assert set(answer) == {"error"} and len(str(answer["error"])) < 200 and "\n" not in str(answer["error"])


# ---- four variations ----


@pytest.mark.parametrize("kind", ["appearance", "restyle", "complete", "relayout"])
def test_four_blob_variations_and_the_edit_that_makes_each(tiny: Context, kind: str) -> None:
    session = tiny.new_session()
    frame = session.generate("blobgan-tiny", 3)
    keep = [frame.scene.layout.ids[0]]  # type: ignore[attr-defined]
    made = variations(tiny, {"code": frame.code, "kind": kind, "seed": 9, "keep": keep})["items"]
    assert isinstance(made, list) and len(made) == COUNT
    assert len({item["image"] for item in made}) > 1
    chosen = made[2]
    assert chosen["commit"]["kind"] == "edit" and picture_of(chosen["image"]).size == (256, 256)
    again = session.edit(chosen["commit"]["edit"])
    assert again.code != frame.code
    assert variations(tiny, {"code": frame.code, "kind": kind, "seed": 9, "keep": keep})["items"] == made


@pytest.mark.parametrize("kind", ["restyle", "fill", "rehouse"])
def test_four_room_variations(tiny: Context, kind: str) -> None:
    session = tiny.new_session()
    frame = session.generate("box3d-tiny", 3)
    made = variations(tiny, {"code": frame.code, "kind": kind, "seed": 2**32 - 1, "keep": []})["items"]
    assert isinstance(made, list) and len(made) == COUNT
    edit = made[1]["commit"]["edit"]
    assert made[1]["commit"]["kind"] == "vary" and session.vary(edit["kind"], edit["seed"], edit["keep"])


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "sing"}, {"seed": -1}, {"seed": 2**32}, {"seed": 1.5}, {"seed": None}, {"keep": "all"},
        {"keep": [1, 1]}, {"keep": [True]}, {"keep": list(range(65))}, {"code": ""}, {"code": None},
        {"kind": "restyle", "keep": []}, {"kind": "restyle", "keep": [99]},
    ],
)  # fmt: skip
def test_a_bad_request_for_variations_gets_one_sentence(tiny: Context, change: dict[str, Any]) -> None:
    code = tiny.new_session().generate("blobgan-tiny", 3).code
    _, make, *_ = seeing_functions(tiny)
    answer = make({"code": code, "kind": "appearance", "seed": 1, "keep": [], **change})
    assert set(answer) == {"error"} and len(str(answer["error"])) < 250


# ---- files ----


def test_a_saved_picture_and_a_saved_scene_open_again(context: Context) -> None:
    _, code = moved(context)
    for what in ("picture", "scene"):
        file = scene_file(context, {"what": what, "code": code})
        data = base64.b64decode(str(file["data"]).split(",")[1])
        assert opened_code(context, as_payload(data)) == code
        if what == "picture":
            assert Image.open(io.BytesIO(data)).text == {"spatial-edit code": code}  # type: ignore[attr-defined]


def test_a_whole_scene_opens_as_a_stored_one(context: Context) -> None:
    scene = FakeGenerator().sample(12)
    text = scene_to_json(scene)
    code = opened_code(context, as_payload(text.encode()))
    assert code.startswith("s:")
    assert context.new_session().open(code).scene.latent.same(scene.latent)


def test_an_export_of_a_photo_opens_where_its_entry_is_gone(context: Context) -> None:
    made = FakeGenerator().sample(12)
    parsed = type(made)(
        made.model, made.weights, made.layout, made.latent, Provenance("photo", "ab" * 32, "fast")
    )
    code = context.new_session().adopt(parsed).code
    file = scene_file(context, {"what": "scene", "code": code})
    data = base64.b64decode(str(file["data"]).split(",")[1])
    assert opened_code(context, as_payload(data)) == code
    elsewhere = context_of(FakeGenerator())
    other = opened_code(elsewhere, as_payload(data))
    assert other != code and elsewhere.new_session().open(other).scene.latent.same(parsed.latent)


def test_the_canvas_opens_a_code_as_another_scene(context: Context) -> None:
    before, after = moved(context)
    asked = {"kind": "open", "edit": {"code": after}, "code": before, "stamp": 4}
    value = commit(context, "", asked)[1].value
    assert value["why"] == "open" and value["code"] == after
    bad = commit(context, "", {**asked, "edit": {"code": "AAAA"}})[1].value
    assert bad["error"] and bad["code"] == before


@pytest.mark.parametrize(
    "data",
    [
        b"", b"hello", b"{", b"[]", b"{}", b'{"code": 5}', b'{"code": ""}', b'{"code": "AAAA"}', b"\xff\xfe",
        b'{"code": "' + b"A" * 5000 + b'"}', b'{"code": "x", "code": "y"}', b"{" * 500, b'{"a": NaN}',
        b'{"tensors": {}}', b'{"code": "s:" , "scene": {"tensors": {}}}', PLAIN, PLAIN[:40], PLAIN[:8],
        with_code(PLAIN, "<img src=x onerror=alert(1)>"), with_code(PLAIN, "A" * 4000),
        PLAIN[:-20] + b"\0" * 20, b"GIF89a",
    ],
)  # fmt: skip
def test_a_hostile_file_gets_one_sentence(context: Context, data: bytes) -> None:
    *_, open_file = seeing_functions(context)
    answer = open_file(as_payload(data))
    assert set(answer) == {"error"}
    assert 10 < len(str(answer["error"])) < 250 and "\n" not in str(answer["error"])


@pytest.mark.parametrize(
    "payload", [None, {}, {"data": 5}, {"data": "%%%"}, {"data": "A" * (MAX_FILE_BYTES * 2)}]
)
def test_a_bad_file_request_gets_one_sentence(context: Context, payload: Any) -> None:
    *_, open_file = seeing_functions(context)
    assert set(open_file(payload)) == {"error"}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=300))
def test_a_code_in_a_png_comes_back(code: str) -> None:
    png = with_code(PLAIN, code)
    assert is_png(png) and code_in(png) == code
    assert Image.open(io.BytesIO(png)).convert("RGB").getpixel((0, 0)) == (0, 128, 128)


@given(st.binary(max_size=60), st.integers(0, len(PLAIN) - 1))
def test_a_damaged_png_never_crashes(noise: bytes, place: int) -> None:
    damaged = PLAIN[:place] + noise + PLAIN[place + len(noise) :]
    try:
        assert code_in(damaged) == ""
    except ValueError as error:
        assert "damaged" in str(error)


def test_a_huge_chunk_length_is_damage() -> None:
    with pytest.raises(ValueError, match="damaged"):
        code_in(PLAIN[:33] + struct.pack(">I", 2**32 - 1) + b"tEXt" + b"\0" * 30)
    wrong = b"tEXt" + b"spatial-edit code\0abc"
    with pytest.raises(ValueError, match="damaged"):
        code_in(
            PLAIN[:33] + struct.pack(">I", len(wrong) - 4) + wrong + struct.pack(">I", zlib.crc32(wrong) ^ 1)
        )


def test_the_export_is_whole_json(context: Context) -> None:
    _, code = moved(context)
    file = scene_file(context, {"what": "scene", "code": code})
    value = json.loads(base64.b64decode(str(file["data"]).split(",")[1]))
    assert value["code"] == code and "scene" not in value and len(value["elements"]) == 10


# ---- bounds ----


def test_the_desk_limits_how_often_and_how_many() -> None:
    now = [0.0]
    desk = Desk(per_second=1, burst=2, waiting=1, patience=0.01, clock=lambda: now[0])
    for _ in range(2):
        with desk.turn():
            pass
    with pytest.raises(ValueError, match="busy"), desk.turn():
        pass
    now[0] = 5.0
    with desk.turn(), pytest.raises(ValueError, match="busy"), desk.turn():
        pass
    now[0] = 9.0
    with desk.turn():
        pass
