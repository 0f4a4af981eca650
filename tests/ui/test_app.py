"""The app's pieces without a browser: build, handlers, limits, and the API through gradio_client."""

from __future__ import annotations

import colorsys
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from spatial_edit import share  # noqa: E402
from spatial_edit.layouts.overlay import colour  # noqa: E402
from spatial_edit.session import render_live  # noqa: E402
from spatial_edit.store import Store  # noqa: E402
from spatial_edit.ui import context as shared  # noqa: E402
from spatial_edit.ui.context import Context  # noqa: E402
from spatial_edit.ui.files import scene_file  # noqa: E402
from spatial_edit.ui.pictures import blob_map  # noqa: E402
from spatial_edit.ui.scenes import commit, load  # noqa: E402
from spatial_edit.ui.serving.live import MOST_WAITING, LiveDesk  # noqa: E402
from spatial_edit.ui.serving.seats import Seats  # noqa: E402
from spatial_edit.ui.wiring import build, launch_options  # noqa: E402
from tests.ui.fake_generator import FakeGenerator, fake_parse  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
MODEL = "fake-rooms"
MOVE = {"op": "move", "target": 3, "dx": 0.1, "dy": 0.05}


@pytest.fixture
def context() -> Context:
    generator = FakeGenerator()
    made: Context = Context(
        lambda name: generator,
        Store(),
        {MODEL: generator.spec},
        fake_parse,
        Seats(lambda: made.new_session()),
    )
    return made


def shown(answer: list[Any]) -> dict[str, Any]:
    """The canvas's value in an answer."""
    return answer[1].value


def asked(kind: object = "edit", edit: object = None, code: object = "", stamp: object = 1) -> dict[str, Any]:
    return {"kind": kind, "edit": edit, "code": code, "stamp": stamp}


# ---- smoke ----


def test_importing_the_entry_loads_nothing() -> None:
    program = (
        "import sys, app; assert not {'torch', 'gradio', 'spatial_edit'} & set(sys.modules); "
        "import os; assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


def test_a_missing_system_library_names_the_package_list(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 1 and "packages.txt" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["SPATIAL_EDIT_MAX_BATCH", "SPATIAL_EDIT_STORE_DAYS"])
def test_a_wrong_setting_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import app

    monkeypatch.setenv(name, "many")
    with pytest.raises(SystemExit, match=f"cannot start: {name} is 'many'"):
        app.main([])


def test_a_taken_port_is_one_sentence() -> None:
    import app

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit, match=r"Port \d+ is taken: choose another"):
            app.main(["--port", str(taken.getsockname()[1])])


def test_only_the_documented_endpoints_are_public() -> None:
    generator = FakeGenerator()
    demo = build(lambda name: generator, Store(), {MODEL: generator.spec}, parse=fake_parse)
    public = {f.api_name for f in demo.fns.values() if f.api_visibility == "public"}
    assert public == {
        *("models", "generate", "open", "describe", "edit", "complete", "vary", "parse", "parse_many"),
        *("map", "variations", "replay", "link", "drag"),
    }
    assert not list((ROOT / "spatial_edit" / "ui").glob("*.pyi"))
    options = launch_options()
    assert options["run_history"] is False and options["share"] is False
    assert options["max_file_size"] == "40mb"


# ---- numbers ----


def test_the_canvas_and_the_map_agree_on_colours() -> None:
    folder = ROOT / "spatial_edit" / "ui"
    script = "".join((folder / name).read_text() for name in ("stage/state.js", "stage/blobs/shape.js"))
    assert "id * 137.508 + 200" in script and "85%" in script and "light = 62" in script
    hue = (3 * 137.508 + 200) % 360 / 360
    assert colour(3) == tuple(round(255 * c) for c in colorsys.hls_to_rgb(hue, 0.62, 0.85))


def test_a_blob_map_shows_an_element_where_it_is() -> None:
    layout = FakeGenerator().sample(1).layout
    alone = layout.select([3])
    x, y = (round(value * 512) for value in alone.centres[0].tolist())
    picture = blob_map(alone)
    near = picture.getpixel((x + 20, y))
    far = picture.getpixel(((x + 256) % 512, (y + 256) % 512))
    assert max(near) > 120 and far == (25, 28, 36)


def test_edit_then_undo_gives_the_same_code(context: Context) -> None:
    first = load(context, {})
    token, before = first[0], shown(first)
    assert before["why"] == "fresh" and len(before["elements"]) == 10
    assert before["elements"][8]["name"] == "night stand"
    moved = shown(commit(context, token, asked(edit=[MOVE], code=before["code"], stamp=5)))
    assert moved["stamp"] == 5 and moved["can_undo"] and moved["code"] != before["code"]
    back = shown(commit(context, token, asked("undo", code=moved["code"])))
    assert back["code"] == before["code"] and back["image"] == before["image"] and back["can_redo"]
    again = shown(commit(context, token, asked("redo", code=back["code"])))
    assert again["code"] == moved["code"]


def test_a_lost_seat_goes_on_from_the_code(context: Context) -> None:
    code = shown(load(context, {}))["code"]
    value = shown(commit(context, "no such seat", asked(edit=MOVE, code=code)))
    assert value["error"] == "" and value["code"] != code


def test_links_open_seed_scenes_and_stored_scenes(context: Context) -> None:
    session = context.new_session()
    edited = session.open(session.generate(MODEL, 5).code)
    edited = session.edit(MOVE)
    assert shown(load(context, {"e": edited.code}))["code"] == edited.code
    parsed = session.adopt(edited.scene)
    assert shown(load(context, {"s": parsed.code.removeprefix("s:")}))["code"] == parsed.code


def test_files(context: Context) -> None:
    code = context.new_session().generate(MODEL, 5).code
    picture = scene_file(context, {"what": "picture", "code": code})
    assert picture["name"] == "fake-rooms-5.png"
    assert str(picture["data"]).startswith("data:image/png;base64,iVBOR")


# ---- errors ----


@pytest.mark.parametrize(
    "wrong",
    [
        {"edit": None},
        {"edit": []},
        {"edit": {"op": "explode", "target": 1}},
        {"edit": {**MOVE, "target": 99}},
        {"edit": {**MOVE, "dx": float("nan")}},
        {"edit": {**MOVE, "dx": 1.39}},
        {"kind": "undo"},
        {"kind": 7},
        {"kind": "redo", "stamp": "x"},
    ],
)
def test_a_refused_edit_leaves_the_scene_and_says_why(context: Context, wrong: dict[str, Any]) -> None:
    first = load(context, {})
    code = shown(first)["code"]
    value = shown(commit(context, first[0], asked(**{"code": code, **wrong})))
    assert value["code"] == code and value["error"].endswith((".", "!", "?"))
    assert value["image"] == shown(first)["image"]


@pytest.mark.parametrize("code", ["", "AAAA", "!!", "z" * 5000, "s:", "s:" + "a" * 22, "s:../../etc/passwd"])
def test_a_bad_link_gives_a_fresh_scene_and_a_warning(context: Context, code: str) -> None:
    query = {"s": code[2:]} if code.startswith("s:") else {"e": code}
    value = shown(load(context, query))
    assert value["why"] == "fresh" and len(value["elements"]) == 10
    assert ("fresh scene" in value["error"]) == bool(next(iter(query.values())))


def test_other_weights_show_the_banner(context: Context) -> None:
    older = FakeGenerator(weights="ffffffffffffffff")
    code = share.encode(older.sample(9), older.spec.number)
    answer = load(context, {"e": code})
    assert shown(answer)["why"] == "fresh" and answer[-1] == code and answer[-3].visible


def test_no_model_gives_an_empty_canvas_with_the_reason() -> None:
    def missing(name: str) -> Any:
        raise ValueError("checkpoint model.safetensors is missing: clone the project again")

    spec = FakeGenerator().spec
    made: Context = Context(missing, Store(), {MODEL: spec}, fake_parse, Seats(lambda: made.new_session()))
    value = shown(load(made, {}))
    assert value["code"] == "" and "missing" in value["error"]


@pytest.mark.parametrize("value", [None, "", "x", 1.5, float("nan"), True, "9" * 30, [1]])
def test_seeds_that_are_no_whole_numbers(value: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        shared.whole(value, "the seed")


def test_files_refuse_forged_requests(context: Context) -> None:
    for payload in (None, [], {"what": "weights", "code": "x"}, {"what": "map", "code": 5}):
        with pytest.raises(ValueError, match="reload"):
            scene_file(context, payload)


# ---- limits ----


def test_seats_are_bounded_and_expire() -> None:
    now = [0.0]
    seats = Seats(lambda: None, capacity=2, idle_seconds=10, clock=lambda: now[0])  # type: ignore[arg-type]
    first = seats.take(None)
    assert seats.take(first.token) is first
    assert seats.take("forged").token != "forged"
    seats.take(None)
    assert len(seats) == 2 and seats.take(first.token) is not first
    now[0] = 11
    seats.take(None)
    assert len(seats) == 1


def desk(context: Context, **options: Any) -> LiveDesk:
    def render(code: str, elements: list[object]) -> Any:
        return render_live(context.lookup, context.store, code, elements, names=context.model_of_number)

    return LiveDesk(render, **options)


def live(context: Context, sequence: object = 1, **change: Any) -> dict[str, Any]:
    value = shown(load(context, {}))
    keys = ("id", "x", "y", "size", "aspect", "angle", "hidden")
    elements = [{key: item[key] for key in keys} | change for item in value["elements"]]
    return {"client": "a", "seq": sequence, "code": value["code"], "elements": elements}


def test_live_pictures_are_checked_and_write_no_history(context: Context) -> None:
    answer = desk(context).answer(live(context, 3))
    assert answer["seq"] == 3 and str(answer["image"]).startswith("data:image/jpeg")
    for bad in (None, {}, live(context, "1"), live(context, -1), live(context, x=5.0), live(context, x="0")):
        with pytest.raises(ValueError):
            desk(context).answer(bad)


def test_live_pictures_have_a_rate_limit(context: Context) -> None:
    limited = desk(context, per_second=2, clock=lambda: 0.0)
    answers = [limited.answer(live(context, n)) for n in range(1, 5)]
    assert ["image" in answer for answer in answers] == [True, True, False, False]


def test_of_a_page_that_waits_only_the_newest_is_drawn(context: Context) -> None:
    drawn, started, go = [], threading.Event(), threading.Event()
    image = FakeGenerator().render(FakeGenerator().sample(1))

    def render(code: str, elements: list[object]) -> Any:
        drawn.append(code)
        started.set()
        assert go.wait(10)
        return image

    busy = LiveDesk(render)
    requests = [{"client": "a", "seq": n, "code": str(n), "elements": []} for n in (1, 2, 3)]
    threads = [threading.Thread(target=busy.answer, args=(request,)) for request in requests]
    threads[0].start()
    assert started.wait(10)
    for thread in threads[1:]:
        thread.start()
    while busy._newest["a"] < 3:
        pass
    go.set()
    for thread in threads:
        thread.join(10)
    assert drawn == ["1", "3"]


def test_few_live_requests_wait_and_the_rest_is_sent_away() -> None:
    started, go = threading.Event(), threading.Event()
    image = FakeGenerator().render(FakeGenerator().sample(1))

    def render(code: str, elements: object) -> Any:
        started.set()
        assert go.wait(10)
        return image

    busy = LiveDesk(render)
    requests = [{"client": str(n), "seq": n, "code": "", "elements": []} for n in range(MOST_WAITING + 1)]
    threads = [threading.Thread(target=busy.answer, args=(request,)) for request in requests[:-1]]
    for thread in threads:
        thread.start()
    assert started.wait(10)
    while len(busy._newest) < MOST_WAITING:
        pass
    time.sleep(0.05)
    assert busy.answer(requests[-1]) == {"seq": MOST_WAITING}  # at once, while all others still wait
    go.set()
    for thread in threads:
        thread.join(10)


# ---- photos ----


def photos(folder: Path, count: int) -> list[str]:
    paths = []
    for place in range(count):
        paths.append(str(folder / f"room {place}.png"))
        Image.new("RGB", (40, 30), (20 * place, 90, 120)).save(paths[-1])
    return paths


# ---- the API ----


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    library = pytest.importorskip("gradio_client", reason="gradio_client comes with gradio")
    generator = FakeGenerator()
    demo = build(lambda name: generator, Store(), {MODEL: generator.spec}, parse=fake_parse)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    demo.launch(server_port=port, prevent_thread_lock=True, quiet=True, **launch_options())
    yield library.Client(f"http://127.0.0.1:{port}", verbose=False)
    demo.close()


def pixels(path: str) -> bytes:
    with Image.open(path) as image:
        assert image.size == (64, 64) and image.format == "PNG"
        return image.convert("RGB").tobytes()


def test_generate_edit_and_open_agree(client: Any) -> None:
    image, code = client.predict(MODEL, 7, 0, api_name="/generate")
    assert share.decode(code).seed == 7
    edited, second = client.predict(code, json.dumps(MOVE), api_name="/edit")
    assert pixels(edited) != pixels(image)
    assert pixels(client.predict(second, api_name="/open")) == pixels(edited)
    same, third = client.predict(code=code, edit_json=[MOVE], api_name="/edit")
    assert third == second and pixels(same) == pixels(edited)


def test_parse_and_edit_of_a_stored_scene(client: Any, tmp_path: Path) -> None:
    from gradio_client import handle_file

    image, code = client.predict(handle_file(photos(tmp_path, 1)[0]), MODEL, "encode", api_name="/parse")
    assert code.startswith("s:")
    assert pixels(client.predict(code, api_name="/open")) == pixels(image)
    _, second = client.predict(code, MOVE, api_name="/edit")
    assert second.startswith(code)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "not an image"),
        (b"\xff\xd8\xff" + bytes(21_500_000), "larger than 20 MB"),
    ],
    ids=["empty", "text", "large"],
)
def test_what_is_no_photo_is_told_to_clients(client: Any, tmp_path: Path, data: bytes, words: str) -> None:
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    photo = tmp_path / "photo.jpg"
    photo.write_bytes(data)
    with pytest.raises(AppError, match=words):
        client.predict(handle_file(str(photo)), MODEL, "encode", api_name="/parse")


@pytest.mark.parametrize(
    ("arguments", "name", "words"),
    [
        (("nothing", 1, 0), "generate", "no model"),
        ((MODEL, -1, 0), "generate", "seed"),
        ((MODEL, 2**32, 0), "generate", "seed"),
        ((MODEL, 1.5, 0), "generate", "whole number"),
        ((MODEL, 1, 1.5), "generate", "runcation"),
        (("AAAABBBB", MOVE), "edit", "damaged"),
        (("x" * 5000,), "open", "too long"),
        ((None, MODEL, "encode"), "parse", "no photo"),
    ],
)
def test_errors_reach_clients_as_sentences(
    client: Any, arguments: tuple[Any, ...], name: str, words: str
) -> None:
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=words):
        client.predict(*arguments, api_name=f"/{name}")
