"""Drags on the server: turns, stops, lost pages, films, the step of the history, the API. With a toy drag."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch
from PIL import Image

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from spatial_edit.layouts.guard_codec import mask_to_text  # noqa: E402
from spatial_edit.session.drag import DragStep, drag_steps, read_drag  # noqa: E402
from spatial_edit.session.drag_film import MOST_FRAMES, Frames  # noqa: E402
from spatial_edit.store import Store  # noqa: E402
from spatial_edit.ui import wiring  # noqa: E402
from spatial_edit.ui.context import Context  # noqa: E402
from spatial_edit.ui.dragging import run as runs_module  # noqa: E402
from spatial_edit.ui.dragging import runs as drags_module  # noqa: E402
from spatial_edit.ui.dragging.run import Run  # noqa: E402
from spatial_edit.ui.dragging.runs import Drags  # noqa: E402
from spatial_edit.ui.dragging.service import drag_functions  # noqa: E402
from spatial_edit.ui.scenes import commit, load  # noqa: E402
from spatial_edit.ui.serving.seats import Seats  # noqa: E402
from tests.ui.fake_drag import FakeDrags, PlainDrags, fake_drag  # noqa: E402
from tests.ui.fake_generator import FakeGenerator, fake_parse  # noqa: E402

PAIR = {"id": 1, "x": 0.5, "y": 0.6, "to_x": 0.6, "to_y": 0.6}
SLOW = {**PAIR, "to_y": 0.97}  # see fake_drag
STALLS = {**PAIR, "to_x": 0.02, "to_y": 0.02}


@pytest.fixture(autouse=True)
def toy_drag(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("spatial_edit.session.drag.drag", fake_drag)
    monkeypatch.setattr("tests.ui.fake_drag.PAUSE", 0.005)
    yield


@pytest.fixture
def context() -> Context:
    models: dict[str, Any] = {
        model.spec.name: model for model in (FakeDrags(), PlainDrags(), FakeGenerator("still", 250))
    }
    specs = {name: model.spec for name, model in models.items()}
    made: Context = Context(models.__getitem__, Store(), specs, fake_parse, Seats(lambda: made.new_session()))
    return made


def call(context: Context) -> dict[str, Any]:
    return {function.__name__: function for function in drag_functions(context)}


def code_of(context: Context, model: str = "fake-rooms", seed: int = 6) -> str:
    return context.new_session().generate(model, seed).code


def start(
    functions: dict[str, Any], code: str, *pairs: dict[str, float], client: str = "me", **more: Any
) -> str:
    reply = functions["drag_start"]({"client": client, "code": code, "points": list(pairs) or [PAIR], **more})
    assert "error" not in reply, reply
    return reply["run"]


def follow(functions: dict[str, Any], run: str, patience: float = 20.0) -> list[dict[str, Any]]:
    """Everything that a page hears of a run until it is over."""
    heard: list[dict[str, Any]] = []
    known, pictured, until = 0, -1, time.monotonic() + patience
    while time.monotonic() < until:
        news = functions["drag_state"]({"run": run, "known": known, "pictured": pictured})
        heard.append(news)
        known, pictured = news["steps"], news["pictured"]
        if news["state"] in ("done", "failed"):
            return heard
    raise AssertionError("the run did not end")


def test_a_page_hears_every_step_and_keeps_the_end(context: Context) -> None:
    functions, code = call(context), code_of(context)
    run = start(functions, code)
    heard = follow(functions, run)
    trail = [places for news in heard for places in news["trail"]]
    assert len(trail) == 13 and trail[0] == [[0.5, 0.6]] and trail[-1] == [[0.6, 0.6]]
    assert sum("image" in news for news in heard) >= 2 and heard[-1]["image"].startswith("data:image/jpeg")
    assert len(heard[-1]["places"]) == 10 and heard[-1]["distance"] == 0
    last = heard[-1]
    assert (last["state"], last["end"], last["keeps"], last["film"], last["error"]) == (
        "done", "arrived", True, True, "",
    )  # fmt: skip
    token = load(context, {"e": code})[0]
    value = commit(context, token, {"kind": "drag", "edit": {"run": run}, "code": code, "stamp": 5})[1].value
    assert not value["error"] and value["code"].startswith("s:") and value["stamp"] == 5 and value["key"]
    assert [step["label"] for step in value["history"]["steps"]] == ["Link", "Drag"]
    assert value["no_drag"] == ""
    undone = commit(context, token, {"kind": "undo", "edit": None, "code": value["code"], "stamp": 6})[
        1
    ].value
    assert undone["code"] == code and undone["key"] == ""
    late = commit(context, token, {"kind": "drag", "edit": {"run": run}, "code": value["code"], "stamp": 7})
    assert "has changed" in late[1].value["error"]


def test_stop_ends_within_a_step_and_keeps_what_is_there(context: Context) -> None:
    functions = call(context)
    run = start(functions, code_of(context), SLOW)
    while functions["drag_state"]({"run": run})["steps"] < 5:
        pass
    began = time.monotonic()
    functions["drag_state"]({"run": run, "stop": True})
    last = follow(functions, run)[-1]
    assert time.monotonic() - began < 1 and last["number"] < 150
    assert (last["state"], last["end"], last["keeps"]) == ("done", "stopped", True)


def test_a_drag_that_fails_offers_its_best_state(context: Context) -> None:
    functions = call(context)
    last = follow(functions, start(functions, code_of(context), STALLS))[-1]
    assert (last["state"], last["end"], last["keeps"]) == ("done", "stalled", False)
    assert last["note"] == "The handle comes no nearer: this is the best that it reached."


def test_a_page_that_is_gone_ends_its_run(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "QUIET", 0.1)
    functions = call(context)
    run = context.drags.get(start(functions, code_of(context), SLOW))
    time.sleep(0.6)
    assert run.over and run.result is None and "left alone" in str(run.failure)


def test_a_drag_works_for_a_limited_time(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "LONGEST", 0.1)
    functions = call(context)
    last = follow(functions, start(functions, code_of(context), SLOW))[-1]
    assert last["end"] == "stopped" and last["keeps"] and last["note"].startswith("Stopped after")


def test_the_newest_drag_of_a_page_wins(context: Context) -> None:
    functions, code = call(context), code_of(context)
    old = context.drags.get(start(functions, code, SLOW))
    new = start(functions, code)
    assert old.over and "newer" in str(old.failure)
    assert follow(functions, new)[-1]["end"] == "arrived" and old.result is None
    assert "not here any more" in functions["drag_state"]({"run": old.token})["error"]


def test_two_people_take_turns_and_do_not_mix(context: Context) -> None:
    functions, code = call(context), code_of(context)
    mine, yours = start(functions, code, SLOW), start(functions, code, {**PAIR, "to_x": 0.4}, client="you")
    assert functions["drag_state"]({"run": yours})["state"] == "waiting"
    other = start(functions, code_of(context, "plain"), client="third")  # another model need not wait
    assert follow(functions, other)[-1]["end"] == "arrived"
    functions["drag_state"]({"run": mine, "stop": True})
    trail = [places for news in follow(functions, yours) for places in news["trail"]]
    assert trail[-1] == [[0.4, 0.6]]
    assert follow(functions, mine)[-1]["trail"][-1][0][1] < 0.97


def test_a_waiting_drag_can_be_stopped(context: Context) -> None:
    functions, code = call(context), code_of(context)
    mine, yours = start(functions, code, SLOW), start(functions, code, client="you")
    functions["drag_state"]({"run": yours, "stop": True})
    last = follow(functions, yours)[-1]
    assert (last["state"], last["error"]) == ("failed", "Stopped before it began: nothing was changed.")
    functions["drag_state"]({"run": mine, "stop": True})


def test_too_many_at_once_are_refused(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drags_module, "MOST_AT_WORK", 2)
    functions, code = call(context), code_of(context)
    runs = [start(functions, code, SLOW, client=name) for name in "ab"]
    reply = functions["drag_start"]({"client": "c", "code": code, "points": [PAIR]})
    assert reply["error"].startswith("Other people are dragging")
    for run in runs:
        functions["drag_state"]({"run": run, "stop": True})


def test_ended_runs_are_forgotten(context: Context) -> None:
    functions, code = call(context), code_of(context)
    tokens = []
    for number in range(drags_module.MOST_KEPT + 5):
        asked = read_drag([PAIR])
        run = context.drags.start(
            f"page {number}", code, FakeDrags().sample(6), asked, lambda go_on: iter(())
        )
        while not run.over:
            time.sleep(0.002)
        tokens.append(run.token)
    kept = [token for token in tokens if "error" not in functions["drag_state"]({"run": token}) or True]
    alive = [token for token in kept if "not here" not in functions["drag_state"]({"run": token})["error"]]
    assert len(alive) <= drags_module.MOST_KEPT and alive[-1] == tokens[-1]


def test_an_error_in_the_middle_is_a_sentence_and_frees_the_model(context: Context) -> None:
    def breaks(go_on: Any) -> Iterator[DragStep]:
        yield from ()
        raise ValueError("the codes became too large: take smaller steps")

    functions, code = call(context), code_of(context)
    scene = FakeDrags().sample(6)
    run = context.drags.start("me", code, scene, read_drag([PAIR]), breaks)
    last = follow(functions, run.token)[-1]
    assert (last["state"], last["error"]) == ("failed", "The codes became too large: take smaller steps.")

    def bursts(go_on: Any) -> Iterator[DragStep]:
        yield from ()
        raise RuntimeError("out of memory at 0x7f")

    hook, threading.excepthook = threading.excepthook, lambda args: None
    try:
        run = context.drags.start("me", code, scene, read_drag([PAIR]), bursts)
        assert follow(functions, run.token)[-1]["error"].startswith("The drag broke off")
    finally:
        threading.excepthook = hook
    assert follow(functions, start(functions, code))[-1]["end"] == "arrived"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"points": []}, "no point"),
    ({"points": [PAIR] * 200}, "200 points"),
    ({"points": [{"x": 0.1, "y": 0.1}]}, "no target"),
    ({"points": [{**PAIR, "to_x": 0.5}]}, "at its target"),
    ({"points": [{**PAIR, "to_x": 3}]}, "outside the picture"),
    ({"mask": mask_to_text(torch.zeros(64, 64, dtype=torch.bool))}, "lets nothing change"),
    ({"options": {"steps": 1e9}}, "steps"),
    ({"code": "nonsense"}, "damaged"),
    ({"client": ""}, "page"),
    ({"client": 7}, "page"),
]


@pytest.mark.parametrize(("wrong", "words"), BAD)
def test_bad_requests_are_answered_in_a_sentence(context: Context, wrong: dict[str, Any], words: str) -> None:
    reply = call(context)["drag_start"]({"client": "me", "code": code_of(context), "points": [PAIR], **wrong})
    assert words in reply["error"].lower() or words in reply["error"]
    assert reply["error"][0].isupper() and reply["error"].endswith(".") and "run" not in reply


def test_what_cannot_be_dragged_is_said_before_and_after_asking(context: Context) -> None:
    value = load(context, {"e": code_of(context, "still")})[1].value
    assert "no spatial features" in value["no_drag"]
    reply = call(context)["drag_start"]({"client": "me", "code": value["code"], "points": [PAIR]})
    assert reply["error"] == value["no_drag"]


# ---- films ----


def test_a_film_shows_the_way(context: Context) -> None:
    functions = call(context)
    run = start(functions, code_of(context), options={"picture_every": 1})
    follow(functions, run)
    gif = functions["drag_film"]({"run": run, "format": "gif", "marks": True})
    bare = functions["drag_film"]({"run": run, "format": "gif", "marks": False})
    assert gif["name"] == "fake-rooms-6-drag.gif" and gif["data"].startswith("data:image/gif;base64,")
    frames = []
    for file in (gif, bare):
        with Image.open(io.BytesIO(base64.b64decode(file["data"].split(",")[1]))) as film:
            frames.append(film.n_frames)
            film.seek(film.n_frames - 1)
            last = film.convert("RGB")
            assert film.size == (320, 320)
        red = last.getpixel((192, 192))  # where the handle is at the end
        assert (red[0] > 180 and red[1] < 120 and red[2] < 130) == (file is gif), red
    assert frames[0] >= 12
    mp4 = functions["drag_film"]({"run": run, "format": "mp4", "marks": True})
    assert base64.b64decode(mp4["data"].split(",")[1])[4:8] == b"ftyp"
    assert "no film format" in functions["drag_film"]({"run": run, "format": "avi"})["error"]
    assert "not here" in functions["drag_film"]({"run": "x", "format": "gif"})["error"]


def test_a_long_drag_keeps_few_pictures(context: Context) -> None:
    frames = Frames(read_drag([PAIR]).points)
    for step in range(1000):
        frames.add(torch.full((3, 8, 8), step / 1000), torch.tensor([[step / 1000, 0.5]]))
    assert MOST_FRAMES / 2 <= len(frames) <= MOST_FRAMES + 1
    kept = [frame.handles[0][0] for frame in frames._all()]
    assert kept[0] == 0 and kept[-1] == pytest.approx(0.999) and kept == sorted(kept)
    one = Frames(read_drag([PAIR]).points)
    one.add(torch.zeros(3, 8, 8), torch.tensor([[0.5, 0.5]]))
    with pytest.raises(ValueError, match="too few pictures"):
        one.file("gif", True)


# ---- the API ----


def endpoint(context: Context) -> Any:
    demo = wiring.build(context.lookup, context.store, context.models, parse=fake_parse)
    return next(function.fn for function in demo.fns.values() if function.api_name == "drag")


def test_the_endpoint_gives_picture_code_and_how_it_ended(context: Context) -> None:
    drag = endpoint(context)
    picture, code, told = drag(code_of(context), [PAIR], "", None)
    assert told == "arrived; 12 steps, 0.0 % of the side to go"
    session = context.new_session()
    opened = session.open(code)
    assert picture.size == (64, 64) and opened.scene.provenance.kind == "drag"
    from spatial_edit.images import to_pil

    assert list(to_pil(opened.image).getdata()) == list(picture.getdata())
    _, _, told = drag(code, [STALLS], mask_to_text(torch.eye(64, dtype=torch.bool)), {"steps": 20})
    assert told.startswith("stalled: the handle comes no nearer")


@pytest.mark.parametrize(("wrong", "words"), [one for one in BAD if "client" not in one[0]])
def test_the_endpoint_answers_in_a_sentence(context: Context, wrong: dict[str, Any], words: str) -> None:
    given = {"code": code_of(context), "points": [PAIR], "mask": "", "options": {}, **wrong}
    with pytest.raises(gr.Error) as refused:
        endpoint(context)(*given.values())
    assert words in refused.value.message.lower() or words in refused.value.message


def test_the_endpoint_refuses_a_model_without_features(context: Context) -> None:
    with pytest.raises(gr.Error, match="no spatial features"):
        endpoint(context)(code_of(context, "still"), [PAIR], "", {})


def test_a_run_is_told_once(context: Context) -> None:
    """What came after the end does not change it."""
    scene, asked = FakeDrags().sample(6), read_drag([PAIR])
    run = Run("me", "code", scene, asked)
    run.begin()
    for step in partial(drag_steps, FakeDrags(), scene, asked)(lambda: True):
        run.tell(step)
    run.finish()
    run.cancel("another reason")
    run.finish(ValueError("late"))
    assert run.state == "done" and run.failure is None and run.result is None  # taken away, not failed
    assert Drags().patience()()
