"""The command `drag`: pictures, films, and one sentence for everything that is wrong."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest
from PIL import Image

from spatial_edit import cli
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes

MODELS = {g.spec.name: g for g in (StyleGAN2Scenes.tiny(), Box3DGenerator.tiny())}
MODEL = "stylegan2-tiny"
MOVE = "--move=0.4,0.4,0.7,0.6"


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tiny models, and a clean environment."""
    module = types.ModuleType("spatial_edit.generators.registry")
    by_number = {g.spec.number: g.spec for g in MODELS.values()}
    module.MODELS = {name: g.spec for name, g in MODELS.items()}  # type: ignore[attr-defined]
    module.load = lambda name, device="cpu": MODELS[name]  # type: ignore[attr-defined]
    module.by_number = by_number.__getitem__  # type: ignore[attr-defined]
    module.all_models = lambda: module.MODELS  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delenv("SPATIAL_EDIT_STORE", raising=False)


def run(*arguments: object) -> int:
    return cli.main(["drag", *map(str, arguments)])


def test_a_picture_and_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, store = tmp_path / "dragged.png", tmp_path / "store"
    assert run(MODEL, "--seed", 3, MOVE, "--steps", 4, "--out", out, "--store", store, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "steps"
    assert told["steps"] == 4
    assert told["note"].endswith(".")
    assert Image.open(out).size == (32, 32)
    assert run("--code", told["code"], MOVE, "--steps", 1, "--store", store) == 0
    assert "after 1 steps" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_film(tmp_path: Path, kind: str) -> None:
    if kind == "mp4":
        pytest.importorskip("imageio_ffmpeg", reason="films as MP4 need: pip install imageio-ffmpeg")
    out = tmp_path / f"way.{kind}"
    assert run(MODEL, "--seed", 3, MOVE, "--steps", 3, "--rate", 0.02, "--out", out) == 0
    if kind == "gif":
        film = Image.open(out)
        assert 2 <= film.n_frames <= 4, "equal pictures are one frame"  # type: ignore[attr-defined]
        assert film.size == (320, 320)
    else:
        assert out.read_bytes()[4:8] == b"ftyp"
    assert [path.name for path in tmp_path.iterdir()] == [out.name], "nothing is left beside it"


def test_a_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = Image.new("L", (90, 90))
    picture.paste(255, (0, 0, 90, 60))
    picture.save(tmp_path / "mask.png")
    options = ("--steps", 2, "--rate", 0.02, "--out")
    assert run(MODEL, MOVE, "--mask", tmp_path / "mask.png", *options, tmp_path / "held.png") == 0
    assert run(MODEL, MOVE, *options, tmp_path / "free.png") == 0
    assert (tmp_path / "held.png").read_bytes() != (tmp_path / "free.png").read_bytes()
    Image.new("L", (90, 90)).save(tmp_path / "mask.png")
    assert run(MODEL, MOVE, "--mask", tmp_path / "mask.png") == 2
    assert "nothing change" in capsys.readouterr().err


REFUSED = [
    ("say what to drag", [MOVE]),
    ("say what to drag", [MODEL, "--code", "s:x", MOVE]),
    ("no point to drag", [MODEL]),
    ("handle without a target", [MODEL, "--move", "0.4,0.4"]),
    ("not four numbers", [MODEL, "--move", "here"]),
    ("at its target already", [MODEL, "--move", "0.4,0.4,0.4,0.4"]),
    ("outside the picture", [MODEL, "--move", "0.4,0.4,1.4,0.4"]),
    ("cannot be dragged", ["box3d-tiny", MOVE]),
    ("at most 32", [MODEL, *["--move", "0.1,0.1,0.5,0.5"] * 200]),
    ("ends in .png, .gif or .mp4", [MODEL, MOVE, "--out", "x.jpg"]),
    ("no folder", [MODEL, MOVE, "--out", "nowhere/x.png"]),
    ("has none", [MODEL, MOVE, "--mode", "coarse"]),
    ("invalid choice", [MODEL, MOVE, "--mode", "sideways"]),
]


@pytest.mark.parametrize(("words", "arguments"), REFUSED)
def test_errors(words: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = run(*arguments)
    except SystemExit as exit:
        code = int(exit.code or 0)
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert words in err
