"""The replay: what lies between two steps, how long it is, and that the files can be played."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from spatial_edit.films import FRAMES_A_SECOND  # noqa: E402
from spatial_edit.store import Store  # noqa: E402
from spatial_edit.ui.context import Context  # noqa: E402
from spatial_edit.ui.seeing import replay  # noqa: E402
from spatial_edit.ui.seeing.between import eased, moves_only, picture_between, towards  # noqa: E402
from spatial_edit.ui.seeing.replay import LONGEST, Jobs, film_pictures, replay_file  # noqa: E402
from spatial_edit.ui.seeing.service import seeing_functions  # noqa: E402
from spatial_edit.ui.serving.seats import Seats  # noqa: E402
from tests.ui.fake_boxes import FakeBoxes  # noqa: E402
from tests.ui.fake_generator import FakeGenerator, fake_parse  # noqa: E402

BLOBS, BOXES = FakeGenerator(), FakeBoxes()
EDITS = (
    {"op": "move", "target": 9, "dx": 0.2, "dy": 0.1},
    {"op": "rotate", "target": 5, "angle": 0.6},
    {"op": "remove", "target": 3},
)


@pytest.fixture
def context() -> Context:
    known: dict[str, Any] = {"fake-rooms": BLOBS, "fake-boxes": BOXES}
    specs = {name: generator.spec for name, generator in known.items()}
    made: Context = Context(known.__getitem__, Store(), specs, fake_parse, Seats(lambda: made.new_session()))
    return made


@pytest.fixture
def codes(context: Context) -> list[str]:
    session = context.new_session()
    first = session.generate("fake-rooms", 6).code
    return [first, *(session.edit(edit).code for edit in EDITS)]


# ---- between ----


def test_geometry_goes_straight_and_the_ends_are_the_steps() -> None:
    before = BLOBS.sample(6)
    layout = before.layout
    shift = torch.tensor([0.2, -0.1])
    after = replace(before, layout=replace(layout, centres=layout.centres + shift, sizes=layout.sizes * 4))
    half = towards(layout, after.layout, 0.5)
    assert torch.allclose(half.centres, layout.centres + shift / 2)  # type: ignore[attr-defined]
    assert torch.allclose(half.sizes, layout.sizes * 2)  # type: ignore[attr-defined]
    assert moves_only(before, after)
    for share, scene in ((0.0, before), (1.0, after)):
        assert torch.allclose(
            picture_between(BLOBS.render, before, after, share), BLOBS.render(scene), atol=1e-4
        )


def test_angles_turn_the_short_way() -> None:
    layout = BLOBS.sample(6).layout
    near_end = replace(layout, angles=torch.full_like(layout.angles, 0.1))
    near_start = replace(layout, angles=torch.full_like(layout.angles, math.pi - 0.1))
    half = towards(near_end, near_start, 0.5).angles  # type: ignore[attr-defined]
    assert torch.allclose(torch.sin(half), torch.zeros_like(half), atol=1e-5)


def test_what_comes_or_goes_cross_fades_while_the_rest_moves() -> None:
    before = BLOBS.sample(6)
    centres = before.layout.centres.clone()
    centres[5] += 0.1
    gone = replace(before.layout, centres=centres).select([0, 1, 2, 4, 5, 6, 7, 8, 9])
    after = replace(before, layout=gone)
    assert not moves_only(before, after)
    half = picture_between(BLOBS.render, before, after, 0.5)
    first = BLOBS.render(replace(before, layout=towards(before.layout, gone, 0.5)))
    second = BLOBS.render(replace(after, layout=towards(gone, before.layout, 0.5)))
    assert torch.allclose(half, (first + second) / 2, atol=1e-6) and not torch.equal(first, second)


def test_rooms_move_with_their_camera() -> None:
    before = BOXES.sample(1)
    room = before.layout
    camera = room.camera + torch.tensor([0.4, 0, 0, 0.2, 0, 0])  # type: ignore[attr-defined]
    after = replace(before, layout=replace(room, camera=camera))  # type: ignore[type-var]
    half = towards(room, after.layout, 0.5)
    assert torch.allclose(half.camera, (room.camera + camera) / 2)  # type: ignore[attr-defined]
    assert moves_only(before, after)


def test_easing_is_slow_at_both_ends() -> None:
    assert (eased(0), eased(0.5), eased(1)) == (0, 0.5, 1) and eased(0.1) < 0.05 and eased(0.9) > 0.95


# ---- length and bounds ----


@pytest.mark.parametrize("steps", [2, 3, 9, 64])
def test_no_film_is_longer_than_ten_seconds(steps: int) -> None:
    scenes = [BLOBS.sample(seed) for seed in range(steps)]
    shares: list[float] = []
    film = film_pictures(lambda scene: torch.full((3, 4, 4), scene.latent.seed / 100), scenes, shares.append)
    frames = sum(count for _, count in film)
    assert frames <= LONGEST * FRAMES_A_SECOND and all(count >= 1 for _, count in film)
    assert shares == sorted(shares) and shares[-1] == 1
    ends = {round(float(picture.mean()) * 100) for picture, _ in film}
    assert ends >= set(range(steps))  # every step is seen


def test_when_time_runs_out_the_rest_cross_fades() -> None:
    scenes = [BLOBS.sample(seed) for seed in range(4)]
    drawn: list[int] = []
    clock = iter([0.0, *[1e9] * 1000])

    def draw(scene: Any) -> torch.Tensor:
        drawn.append(scene.latent.seed)
        return torch.zeros(3, 4, 4)

    film_pictures(draw, scenes, lambda share: None, lambda: next(clock))
    assert drawn == [0, 1, 2, 3]


# ---- files ----


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_gif_and_webp_decode_to_the_steps(context: Context, codes: list[str], kind: str) -> None:
    name, media, data = replay_file(
        context, {"codes": codes, "format": kind, "side": 256}, lambda share: None
    )
    assert name == f"fake-rooms-replay.{kind}" and media == f"image/{kind}"
    film = Image.open(io.BytesIO(data))
    assert film.format == kind.upper() and film.size == (256, 256) and film.info["loop"] == 0
    frames, seconds = getattr(film, "n_frames"), 0.0  # noqa: B009
    pictures = []
    for place in range(frames):
        film.seek(place)
        film.load()
        seconds += film.info["duration"] / 1000
        pictures.append(np.asarray(film.convert("RGB"), dtype=np.float32))
    assert frames > 10 and 2 < seconds <= LONGEST
    for place, code in ((0, codes[0]), (-1, codes[-1])):
        shown = context.new_session().open(code).image
        small = torch.tensor(pictures[place]).permute(2, 0, 1)[None] / 127.5 - 1
        wanted = torch.nn.functional.interpolate(shown[None], (256, 256), mode="bilinear")
        assert (small - wanted).abs().mean() < 0.06


def test_mp4_is_h264_that_browsers_play(context: Context, codes: list[str], tmp_path: Path) -> None:
    reader = pytest.importorskip("imageio_ffmpeg", reason="pip install -r requirements.txt")
    name, media, data = replay_file(context, {"codes": codes, "format": "mp4"}, lambda share: None)
    assert name.endswith(".mp4") and media == "video/mp4"
    assert data.index(b"moov") < data.index(b"mdat")  # plays before all of it is there
    path = tmp_path / name
    path.write_bytes(data)
    frames = reader.read_frames(str(path))
    about = next(frames)
    assert about["codec"] == "h264" and about["pix_fmt"].startswith("yuv420p") and about["size"] == (512, 512)
    count = sum(1 for _ in frames)
    assert about["fps"] == FRAMES_A_SECOND and 2 * FRAMES_A_SECOND < count <= LONGEST * FRAMES_A_SECOND


@pytest.mark.parametrize(
    "change",
    [
        {"codes": []}, {"codes": ["x"]}, {"codes": "many"}, {"codes": ["A"] * 65}, {"codes": [1, 2]},
        {"codes": ["AAAA", "BBBB"]}, {"format": "avi"}, {"format": 5}, {"side": 255}, {"side": 257},
        {"side": 1024}, {"side": 300.0}, {"job": ""}, {"job": "x" * 41}, {"job": None},
    ],
)  # fmt: skip
def test_a_bad_request_gets_one_sentence(context: Context, codes: list[str], change: dict[str, Any]) -> None:
    _, _, make, *_ = seeing_functions(context)
    answer = make({"codes": codes[:2], "format": "gif", "job": "a", **change})
    assert set(answer) == {"error"} and len(str(answer["error"])) < 200


def test_steps_of_two_models_are_refused(context: Context, codes: list[str]) -> None:
    other = context.new_session().generate("fake-boxes", 1).code
    with pytest.raises(ValueError, match="different models"):
        replay_file(context, {"codes": [codes[0], other], "format": "gif"}, lambda share: None)


def test_progress_is_told_and_a_stop_is_obeyed(context: Context, codes: list[str]) -> None:
    named = {function.__name__: function for function in seeing_functions(context)}
    make, state = named["make_replay"], named["replay_state"]
    assert state({"job": "a"}) == {"share": 0.0}
    answer = make({"codes": codes[:2], "format": "webp", "side": 256, "job": "a"})
    assert base64.b64decode(str(answer["data"]).split(",")[1])[:4] == b"RIFF"
    assert state({"job": "a"}) == {"share": 1.0}
    jobs = Jobs()
    tell = jobs.start("b")
    tell(0.5)
    assert jobs.state({"job": "b", "stop": True}) == {"share": 0.5}
    with pytest.raises(replay.Stopped):
        tell(0.6)
    for number in range(replay.MOST_JOBS + 1):
        jobs.start(str(number))
    assert jobs.state({"job": "b"}) == {"share": 0.0}  # forgotten
