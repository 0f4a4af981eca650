"""Whatever a browser or a program sends, it gets sentences.

Payloads with random wrong values in them, for every function that listens and all kinds of layout: nothing
but ValueError and OSError may leave a handler, no path and no words of Python's own reach the client, and
every answer can be written as JSON.
"""

from __future__ import annotations

import base64
import copy
import json
import random
import re
from typing import Any

import pytest
import torch

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
orjson = pytest.importorskip("orjson", reason="gradio brings orjson: pip install -r requirements.txt")

from spatial_edit.generators.blobgan.renderer import BlobGenerator  # noqa: E402
from spatial_edit.generators.box3d.renderer import Box3DGenerator  # noqa: E402
from spatial_edit.layouts.guard_codec import mask_to_text  # noqa: E402
from spatial_edit.store import Store  # noqa: E402
from spatial_edit.ui import wiring  # noqa: E402
from spatial_edit.ui.context import Context  # noqa: E402
from spatial_edit.ui.edit_tab import _server_functions  # noqa: E402
from spatial_edit.ui.files import scene_file  # noqa: E402
from spatial_edit.ui.scenes import commit, load  # noqa: E402
from spatial_edit.ui.seeing.desk import Desk  # noqa: E402
from spatial_edit.ui.serving import live  # noqa: E402
from spatial_edit.ui.serving.seats import Seats  # noqa: E402
from tests.ui.fake_generator import fake_parse  # noqa: E402
from tests.ui.fake_kinds import SAMPLES, FakePlain  # noqa: E402

ROUNDS = 240
SLOWER = {"make_replay": 10, "render_file": 20, "see_map": 20, "see_inside": 10, "make_variations": 6}
OTHERS = [f"fake-{kind}" for kind in SAMPLES]
BLOBS, BOXES = "blobgan-tiny", "box3d-tiny"
MASK = mask_to_text(torch.eye(64, dtype=torch.bool))
PAIRS = [{"id": 1, "x": 0.3, "y": 0.4, "to_x": 0.5, "to_y": 0.4}]
NOT_OURS = re.compile(
    r"Traceback|/tmp|/work|/root|site-packages|\.py\b|codec can|invalid literal|Exceeds the limit|"
    r"could not convert|not enough values|object is not|object has no|unhashable|surrogate"
)
NASTY: list[Any] = [
    *(None, True, False, 0, -1, 1, 255, 256, 1.5, -0.0, 1e308, float("nan"), float("inf")),
    *(2**31, 2**53, 2**63, 2**70, -(2**70), 10**4000),
    *("", "x", "0", "\ud800", "\0", "a" * 5000, "9" * 5000, "\u202e\u2028", "edit", "undo", "__class__"),
    *("<img src=x onerror=alert(1)>", "${alert(1)}", "../../etc/passwd", "s:../../../../etc/passwd"),
    *("s:" + "A" * 22, "s:" + "A" * 22 + ".AAAAAAAAAA", "data:image/png;base64,AAAA", "AAAA"),
    *([], {}, [None], [[]], [{}], {"op": "move"}, {"": None}, [1, 1], [0, 1, 2], list(range(100))),
    *([[[[[[]]]]]], "#ffffff", MASK, MASK[:-4]),
]


@pytest.fixture(autouse=True)
def _no_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "_admit", lambda desk: None)
    monkeypatch.setattr(live, "PICTURES_PER_SECOND", 1e9)
    monkeypatch.setattr("spatial_edit.session.drag.MOST_STEPS", 2)  # a drag takes seconds, its checks do not


@pytest.fixture(scope="module")
def context() -> Context:
    plain = [FakePlain(kind, 230 + place) for place, kind in enumerate(SAMPLES)]
    models: dict[str, Any] = {
        model.spec.name: model for model in (BlobGenerator.tiny(), Box3DGenerator.tiny(), *plain)
    }
    made: Context = Context(
        models.__getitem__,
        Store(),
        {name: model.spec for name, model in models.items()},
        fake_parse,
        Seats(lambda: made.new_session()),
    )
    return made


def mutated(dice: random.Random, value: Any, codes: list[str]) -> Any:
    """The value with one to three places in it replaced, left out or added."""
    value = copy.deepcopy(value)
    for _ in range(dice.randint(1, 3)):
        value = _changed(dice, value, codes)
    return value


def _changed(dice: random.Random, value: Any, codes: list[str]) -> Any:
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(list(value))
        if dice.random() < 0.1:
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: _changed(dice, value[key], codes)}
    if isinstance(value, list) and value and dice.random() < 0.7:
        place = dice.randrange(len(value))
        return [*value[:place], _changed(dice, value[place], codes), *value[place + 1 :]]
    if isinstance(value, str) and len(value) > 8 and dice.random() < 0.5:
        place = dice.randrange(len(value))
        return dice.choice([value[:place], value[:place] + dice.choice("Ab9_.:-") + value[place + 1 :]])
    return copy.deepcopy(dice.choice([*NASTY, *codes]))


def codes_of(context: Context) -> list[str]:
    """Of blobs: plain, stored, guarded and styled; of boxes in a room; of every other kind."""
    session = context.new_session()
    plain = session.generate(BLOBS, 3)
    stored = session.adopt(plain.scene).code
    guarded = session.edit([{"op": "protect", "mask": MASK}, {"op": "appearance", "seed": 9}]).code
    return [plain.code, stored, guarded, *(session.generate(name, 4).code for name in [BOXES, *OTHERS])]


def valid(context: Context, codes: list[str]) -> dict[str, list[Any]]:
    """Payloads that each server function answers without an error, or nearly so."""
    elements = [
        {"id": 3, "x": 0.5, "y": 0.5, "size": 0.1, "aspect": 1.0, "angle": 0.0, "hidden": False}
        | {"opacity": 0.5, "share": None, "colour": "#102030"}
    ]
    scene = scene_file(context, {"what": "scene", "code": codes[1]})["data"]
    picture = scene_file(context, {"what": "picture", "code": codes[0]})["data"]
    return {
        "render_live": [
            {"client": "me", "seq": 1, "code": code, "elements": elements} for code in (codes[0], codes[1])
        ]
        + [
            {
                "client": "me",
                "seq": 1,
                "code": codes[3],
                "elements": {"camera": [0] * 6, "elements": elements},
            }
        ],
        "render_file": [
            {"what": what, "code": code, "before": codes[0], "target": 3}
            for what in ("picture", "map", "scene", "difference", "opacity", "depth")
            for code in codes[2:4]
        ],
        "share_scene": [{"code": code} for code in codes],
        "see_map": [
            {"what": what, "code": code, "before": codes[0], "target": 3}
            for what in ("difference", "opacity", "depth")
            for code in codes[:4]
        ],
        "see_inside": [{"what": what, "code": code} for what in ("attention", "features") for code in codes],
        "make_variations": [
            {"code": codes[0], "kind": kind, "seed": 5, "keep": [3]} for kind in ("appearance", "restyle")
        ]
        + [{"code": codes[3], "kind": "restyle", "seed": 5, "keep": [1]}],
        "make_replay": [{"codes": codes[:2], "format": "gif", "side": 256, "job": "a"}],
        "replay_state": [{"job": "a", "stop": False}],
        "drag_start": [
            {"client": "me", "code": code, "points": PAIRS, "mask": MASK, "options": {"steps": 2}}
            for code in codes
        ],
        "drag_state": [{"run": "a", "known": 0, "pictured": 0, "stop": True}],
        "drag_film": [{"run": "a", "format": "gif", "marks": True}],
        "open_scene_file": [{"data": str(data).split(",", 1)[1]} for data in (scene, picture)],
    }


def check(answer: Any) -> None:
    """JSON that the server can send, and in errors a sentence of ours."""
    orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    if isinstance(answer, dict) and "error" in answer:
        check_sentence(answer["error"])


def check_sentence(text: Any) -> None:
    assert isinstance(text, str) and 8 < len(text) < 400, text
    assert text[0].upper() == text[0] and text[-1] in ".!?", text
    assert not NOT_OURS.search(text), text


NAMES = (
    "render_live", "render_file", "share_scene", "see_map", "see_inside", "make_variations", "make_replay",
    "replay_state", "open_scene_file", "drag_start", "drag_state", "drag_film",
)  # fmt: skip


def test_these_are_all_server_functions(context: Context) -> None:
    assert {function.__name__ for function in _server_functions(context)} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_server_function_answers_with_sentences(context: Context, name: str) -> None:
    dice, codes = random.Random(name), codes_of(context)
    function = {function.__name__: function for function in _server_functions(context)}[name]
    payloads = valid(context, codes)[name]
    for payload in [*NASTY, *payloads]:
        check(function(payload))
    for _ in range(ROUNDS // SLOWER.get(name, 1)):
        check(function(mutated(dice, dice.choice(payloads), codes)))


def test_a_scene_file_with_wrong_values_is_refused_in_a_sentence(context: Context) -> None:
    dice, codes = random.Random(1), codes_of(context)
    open_file = {f.__name__: f for f in _server_functions(context)}["open_scene_file"]
    exported = scene_file(context, {"what": "scene", "code": codes[1]})["data"]
    document = json.loads(base64.b64decode(str(exported).split(",", 1)[1]))
    for whole in (document, document["scene"] if "scene" in document else document):
        for _ in range(ROUNDS):
            text = json.dumps(mutated(dice, whole, codes)).encode("utf-8", "surrogatepass")
            check(open_file({"data": base64.b64encode(text).decode()}))


EDITS: list[Any] = [
    {"op": "move", "target": 3, "dx": 0.1, "dy": 0.05},
    {"op": "set", "target": 3, "x": 0.5, "size": 0.1},
    {"op": "opacity", "target": 3, "value": 0.5},
    {"op": "restyle", "target": 3, "row": 2, "seed": 9, "share": 0.4},
    {"op": "recolour", "target": 3, "colour": "#123456"},
    {"op": "swap", "target": 3, "with": 2},
    {"op": "draw", "target": 3, "points": [[0.1, 0.1], [0.4, 0.1], [0.3, 0.5]]},
    {"op": "group", "targets": [1, 2, 3], "factor": 1.2},
    {"op": "align", "targets": [1, 2, 3], "edge": "left"},
    {"op": "distribute", "targets": [1, 2, 3], "axis": "x"},
    {"op": "add", "row": 1, "x": 0.5, "y": 0.5, "size": 0.1, "aspect": 1, "angle": 0, "seed": 4},
    {"op": "background", "seed": 4, "share": 0.3},
    {"op": "surface", "surface": "floor", "colour": "#123456"},
    {"op": "appearance", "seed": 4, "share": 0.3},
    {"op": "complete", "keep": [1], "seed": 1},
    {"op": "relayout", "seed": 1},
    {"op": "truncate", "amount": 0.5},
    {"op": "protect", "mask": MASK},
    {"op": "unprotect"},
]


BOX_EDITS: list[Any] = [
    {"op": "slide", "target": 1, "dx": 0.2, "dz": 0.0},
    {"op": "place", "target": 7, "x": 0.2, "z": 2.0},
    {"op": "turn", "target": 7, "quarters": 1},
    {"op": "stack", "target": 3, "on": 6},
    {"op": "recolour", "target": 1, "r": 0.9, "g": 0.1, "b": 0.1},
    {"op": "restyle", "target": 1, "variant": 3},
    {"op": "add", "class": "plant"},
    {"op": "camera", "orbit": 0.2},
    {"op": "room", "width": 4.4},
    {"op": "light", "time": "evening"},
    {"op": "protect", "mask": MASK},
]
PLAIN: list[Any] = [{"op": "move", "target": 1, "dx": 0.1, "dy": 0.1}, {"op": "remove", "target": 1}]


def commits(codes: list[str]) -> list[dict[str, Any]]:
    edits = [*EDITS, {"op": "morph", "code": codes[0], "share": 0.5}]
    return [
        *({"kind": "edit", "edit": edit, "code": codes[2], "stamp": 1} for edit in edits),
        *({"kind": "edit", "edit": edit, "code": codes[3], "stamp": 1} for edit in BOX_EDITS),
        *({"kind": "edit", "edit": edit, "code": code, "stamp": 1} for edit in PLAIN for code in codes[4:]),
        *({"kind": kind, "edit": None, "code": codes[0], "stamp": 1} for kind in ("undo", "redo")),
        {"kind": "edit", "edit": EDITS[:3], "code": codes[0], "stamp": 1},
        {"kind": "goto", "edit": {"step": 0}, "code": codes[0], "stamp": 1},
        {"kind": "goto", "edit": {"branch": 0}, "code": codes[0], "stamp": 1},
        {"kind": "open", "edit": {"code": codes[2]}, "code": codes[0], "stamp": 1},
        {"kind": "vary", "edit": {"kind": "restyle", "seed": 1, "keep": [1]}, "code": codes[3], "stamp": 1},
    ]


def test_a_commit_answers_with_the_unharmed_scene_and_a_sentence(context: Context) -> None:
    dice, codes = random.Random(2), codes_of(context)
    wanted = commits(codes)
    token = load(context, {})[0]
    for payload in [*wanted, *(mutated(dice, dice.choice(wanted), codes) for _ in range(ROUNDS))]:
        given = payload if isinstance(payload, dict) else {}
        asked = {name: given.get(name) for name in ("kind", "edit", "code", "stamp")}
        value = commit(context, token, asked)[1].value
        check({name: part for name, part in value.items() if name != "error" or part})


API = "models generate open describe edit complete vary map variations replay parse parse_many link".split()
API += ["drag"]


def test_links_with_wrong_codes_open_a_fresh_scene(context: Context) -> None:
    dice, codes = random.Random(3), codes_of(context)
    for name in ("e", "s"):
        for _ in range(ROUNDS // 20):
            code = mutated(dice, dice.choice(codes), codes)
            text = code if isinstance(code, str) else json.dumps(code)
            value = load(context, {name: text})[1].value
            check({name: part for name, part in value.items() if name != "error" or part})


def test_an_endpoint_answers_with_sentences(context: Context) -> None:
    """Every endpoint but those of photos, whose files Gradio hands over."""
    dice, codes = random.Random(4), codes_of(context)
    demo = wiring.build(context.lookup, context.store, context.models, parse=fake_parse)
    functions = {function.api_name: function.fn for function in demo.fns.values() if function.api_name in API}
    calls = {
        "generate": [BLOBS, 3, 0.5],
        "open": [codes[2]],
        "describe": [codes[1]],
        "edit": [codes[2], EDITS],
        "complete": [codes[3], [1], 3],
        "vary": [codes[3], "fill", 3, [1]],
        "map": [codes[2], "opacity", codes[0], 3],
        "variations": [codes[2], "restyle", 3, [3]],
        "replay": [codes[:2], "webp"],
        "drag": [codes[0], PAIRS, MASK, {"steps": 2}],
        "parse": ["", BLOBS, "encode"],
        "parse_many": [[], BLOBS, "encode"],
    }
    assert {*calls, "models", "link"} == set(functions)
    for name, arguments in calls.items():
        for _ in range(ROUNDS // (60 if name == "replay" else 12)):
            given = mutated(dice, arguments, codes)
            if isinstance(given, list) and len(given) == len(arguments):
                given[0] = arguments[0] if name.startswith("parse") else given[0]
                try:
                    functions[name](*given)
                except gr.Error as error:
                    check_sentence(error.message)
