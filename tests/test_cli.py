"""The command line: what it prints, what it writes, and one sentence for everything that is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from spatial_edit import cli, runtime
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.images import Photo
from spatial_edit.layouts import Blobs, Latent, Provenance, Scene
from spatial_edit.seeds import normals, random_state

COMMANDS = ("models", "generate", "edit", "vary", "parse", "rooms", "train", "evaluate")


class Discs:
    """A generator of soft discs on a plain ground: enough of a model for the command line."""

    weights = "0123456789abcdef"

    def __init__(self, folder: Path) -> None:
        self.spec = ModelSpec("discs", 251, "discs", "Discs", "blobs", 16, "MIT", "none", folder)

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        centres = torch.from_numpy(random_state(seed).uniform(0.2, 0.8, (3, 2)).astype(np.float32))
        rows, background = normals(seed, [(3, 3), (3,)])
        ones = torch.ones(3)
        blobs = Blobs(centres, 0.2 * ones, ones, 0 * ones, ids=(0, 1, 2), rows=(0, 1, 2))
        latent = Latent(seed, truncation, rows * (1 - truncation), background)
        return Scene("discs", self.weights, blobs, latent, Provenance())

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        assert isinstance(scene.layout, Blobs)
        shown = scene.layout.visible()
        axis = (torch.arange(16) + 0.5) / 16
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        image = scene.latent.background[:, None, None].tanh().expand(3, 16, 16)
        for (cx, cy), size, row in zip(shown.centres, shown.sizes, shown.rows, strict=True):
            opacity = torch.sigmoid(20 * (size - torch.hypot(x - cx, y - cy)))
            image = image * (1 - opacity) + scene.latent.rows[row].tanh()[:, None, None] * opacity
        return image

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        return torch.stack([self.render(scene) for scene in scenes])


@pytest.fixture(autouse=True)
def discs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Discs:
    """The registry with one model, and a clean environment."""
    folder = tmp_path / "checkpoints" / "discs"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "metrics.json").write_text('{"co_move": 0.5}')
    model = Discs(folder)

    def load(name: str, device: str = "cpu") -> Discs:
        if name != "discs":
            raise ValueError(f"there is no model {name!r}: discs is there")
        return model

    registry = types.ModuleType("spatial_edit.generators.registry")
    registry.MODELS, registry.load, registry.by_number = (
        {"discs": model.spec},
        load,
        {251: model.spec}.__getitem__,
    )
    registry.CHECKPOINTS = folder.parent
    registry.all_models = lambda: registry.MODELS
    monkeypatch.setitem(sys.modules, registry.__name__, registry)
    monkeypatch.delenv("SPATIAL_EDIT_STORE", raising=False)
    return model


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line on standard error of a command that fails with exit code 2 and prints nothing else."""
    try:
        code = run(*arguments)
    except SystemExit as exit:
        code = exit.code
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and err.count("\n") == 1 and "Traceback" not in err
    return err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        run(command, "--help")
    assert exit.value.code == 0 and command in capsys.readouterr().out


def test_models(discs: Discs, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models") == 0
    out = capsys.readouterr().out
    assert "discs" in out and "co_move 0.5" in out
    assert run("models", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["models"]
    assert (row["name"], row["number"], row["installed"]) == ("discs", 251, True)
    assert row["metrics"] == {"co_move": 0.5}
    (discs.spec.folder / "metrics.json").write_text("no json")
    assert "metrics.json in discs is not JSON" in refused(capsys, "models")


def test_generate_then_edit(tmp_path: Path, discs: Discs, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    assert run("generate", "--model", "discs", "--seed", 7, "--truncation", 0.25, "--out", first) == 0
    code = capsys.readouterr().out.strip()
    move = '{"op": "move", "target": 1, "dx": 0.1, "dy": 0.0}'
    assert run("edit", code, move, "--out", second, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["model"], facts["seed"], facts["truncation"]) == ("discs", 7, 0.25)
    assert facts["code"] != code and facts["out"] == str(second)
    before, after = (np.array(Image.open(path)).astype(int) for path in (first, second))
    assert before.shape == (16, 16, 3) and np.abs(before - after).max() > 10

    back = '[{"op": "move", "target": 1, "dx": -0.1, "dy": 0.0}]'
    assert run("edit", facts["code"], back, "--out", second) == 0
    assert np.abs(before - np.array(Image.open(second)).astype(int)).max() <= 1  # positions are quantised


def test_same_seed_prints_the_same_code(capsys: pytest.CaptureFixture[str]) -> None:
    codes = []
    for _ in range(2):
        assert run("generate", "--model", "discs", "--seed", 4294967295) == 0
        codes.append(capsys.readouterr().out)
    assert codes[0] == codes[1]


def test_edit_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("generate", "--model", "discs")
    code = capsys.readouterr().out.strip()
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(read=lambda n: '{"op": "remove", "target": 0}'))
    assert run("edit", code, "-") == 0
    assert capsys.readouterr().out.strip() != code


def test_bad_input_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("generate", "--model", "discs")
    code = capsys.readouterr().out.strip()
    assert "no model 'absent'" in refused(capsys, "generate", "--model", "absent")
    assert "4294967295" in refused(capsys, "generate", "--model", "discs", "--seed", 2**32)
    assert "seed" in refused(capsys, "generate", "--model", "discs", "--seed", "seven")
    for truncation in ("1.5", "nan", "-0.1"):
        assert "truncation" in refused(capsys, "generate", "--model", "discs", f"--truncation={truncation}")
    assert "no folder" in refused(capsys, "generate", "--model", "discs", "--out", tmp_path / "no" / "a.png")
    assert "ends in .png" in refused(capsys, "generate", "--model", "discs", "--out", tmp_path / "a.jpg")
    assert "use auto" in refused(capsys, "generate", "--model", "discs", "--device", "abacus")
    refused(capsys, "edit", "not a code", "[]")
    refused(capsys, "edit", code[:-3], '{"op": "remove", "target": 0}')
    refused(capsys, "edit", code, "{")
    refused(capsys, "edit", code, '{"op": "move", "target": 99, "dx": 0, "dy": 0}')
    refused(capsys, "edit", code, '{"op": "move", "target": 1, "dx": NaN, "dy": 0}')
    assert "try --help" in refused(capsys, "fly")
    assert "try --help" in refused(capsys)


def test_a_full_disk_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(source: object, destination: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert "No space left" in refused(capsys, "generate", "--model", "discs", "--out", tmp_path / "a.png")
    assert not list(tmp_path.glob("*.p*"))


def test_missing_libgl_names_packages_txt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "libGL.so.1: cannot open shared object file: No such file or directory"

    def load(name: str, device: str = "cpu") -> None:
        raise ImportError(text)

    monkeypatch.setattr(sys.modules["spatial_edit.generators.registry"], "load", load)
    message = refused(capsys, "generate", "--model", "discs")
    assert "libGL.so.1" in message and "packages.txt" in message
    assert "accelerate" in runtime.import_advice(ModuleNotFoundError("No module", name="accelerate"))
    assert "incomplete" in runtime.import_advice(ModuleNotFoundError("No module", name="spatial_edit.ui"))


def fake_module(monkeypatch: pytest.MonkeyPatch, name: str, **names: object) -> None:
    module = types.ModuleType(name)
    vars(module).update(names)
    monkeypatch.setitem(sys.modules, name, module)


def test_parse(
    tmp_path: Path, discs: Discs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def parse_photo(generator: Discs, photo: Photo, effort: str, **options: object) -> object:
        asked.append((effort, options))
        scene = generator.sample(3)
        picture, notes = generator.render(scene), photo.notes
        return types.SimpleNamespace(
            scene=scene,
            original=picture,
            reconstruction=picture,
            psnr=20.0,
            seconds=0.1,
            steps=0,
            notes=notes,
        )

    monkeypatch.setattr("spatial_edit.parse.batch.parse_photo", parse_photo)
    good, bad, out = tmp_path / "good.jpg", tmp_path / "bad.jpg", tmp_path / "out"
    Image.new("CMYK", (30, 20)).save(good)
    bad.write_text("no picture")
    arguments = (
        "parse",
        good,
        bad,
        "--model",
        "discs",
        "--effort",
        "refine",
        "--fit",
        "letterbox",
        "--out",
        out,
    )
    assert run(*arguments, "--seconds", 5, "--json") == 2  # one of the two was refused
    stdout, stderr = capsys.readouterr()
    content = json.loads(stdout)
    ((effort, given),) = asked
    assert (effort, given["fit"], given["seconds"]) == ("refine", "letterbox", 5.0)
    (row,), (failure,) = content["parsed"], content["refused"]
    assert row["psnr"] == 20.0 and any("CMYK" in note for note in row["notes"])
    assert failure["photo"] == str(bad) and "not an image" in failure["error"] and "bad.jpg" in stderr
    shown = np.array(Image.open(row["out"]))

    # The code works in another call, because the scenes were kept beside the pictures.
    again = tmp_path / "again.png"
    hide_and_show = '[{"op": "hide", "target": 0}, {"op": "show", "target": 0}]'
    assert run("edit", row["code"], hide_and_show, "--store", out / "scenes", "--out", again) == 0
    capsys.readouterr()
    assert np.array_equal(np.array(Image.open(again)), shown)
    assert "not an image" in refused(capsys, "parse", bad, "--model", "discs", "--out", out)
    assert "positive" in refused(capsys, "parse", good, "--model", "discs", "--out", out, "--seconds", "nan")
    assert "invalid choice" in refused(capsys, "parse", good, "--out", out, "--effort", "heroic")

    assert run("parse", good, "--model", "discs", "--out", tmp_path / "plain") == 0
    assert "note: good.jpg: CMYK" in capsys.readouterr().err
    asked.pop()

    # The same call again finds the result; of too many photos the rest is named.
    monkeypatch.setenv("SPATIAL_EDIT_MAX_BATCH", "1")
    assert run("parse", good, bad, good, *arguments[3:], "--seconds", 5, "--json") == 2
    content = json.loads(capsys.readouterr().out)
    assert len(asked) == 1 and content["parsed"][0]["folder"] == row["folder"]
    assert [failure["photo"] for failure in content["refused"]] == [str(bad), str(good)]
    assert all("at most 1 photos" in failure["error"] for failure in content["refused"])


def test_rooms_train_and_evaluate_pass_their_options_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[object, ...]] = []

    def run_recipe(name: str, **options: object) -> dict[str, float]:
        if name == "absent":
            raise ValueError("there is no recipe absent: use toy")
        calls.append((name, options))
        return {"loss": 0.25}

    def evaluate(model: str, **options: object) -> dict[str, float | str]:
        calls.append((model, options))
        return {"co_move": 0.7031, "date": "2026-11-21"}

    fake_module(monkeypatch, "spatial_edit.data.rooms", draw_sheet=lambda *options: calls.append(options))
    fake_module(monkeypatch, "spatial_edit.train", run_recipe=run_recipe)
    fake_module(monkeypatch, "spatial_edit.metrics", evaluate=evaluate)

    sheet = tmp_path / "sheet.png"
    assert run("rooms", "--count", 4, "--seed", 9, "--resolution", 32, "--out", sheet) == 0
    assert calls.pop() == (4, 9, sheet, 32)
    changes = ("--set", "batch=8", "--set", "name=x", "--set", "decoder.rate=1e-3", "--set", "on=true")
    assert run("train", "toy", "--minutes", 0.5, "--resume", *changes, "--out", tmp_path) == 0
    overrides = {"batch": 8, "name": "x", "decoder.rate": 1e-3, "on": True}
    assert calls.pop() == ("toy", {"minutes": 0.5, "resume": True, "overrides": overrides, "out": tmp_path})
    assert "0.25" in capsys.readouterr().out
    assert run("evaluate", "discs", "--quick", "--json") == 0
    rest = {"out": None, "stages": [], "backbone": None, "real": None}
    assert calls.pop() == ("discs", {"quick": True, **rest})
    assert run("evaluate", "discs", "--backbone", "eyes", "--real", tmp_path, "--json") == 0
    assert calls.pop() == ("discs", {**rest, "quick": False, "backbone": "eyes", "real": tmp_path})
    capsys.readouterr()
    assert run("evaluate", "discs", "--quick", "--json") == 0
    assert json.loads(capsys.readouterr().out)["co_move"] == 0.7031
    assert run("evaluate", "discs") == 0
    assert "0.7031" in capsys.readouterr().out

    assert "no recipe" in refused(capsys, "train", "absent")
    assert "--set" in refused(capsys, "train", "toy", "--set", "batch")
    assert "positive" in refused(capsys, "train", "toy", "--minutes", "-1")
    for count in ("0", "1025", "many"):
        assert "--count" in refused(capsys, "rooms", "--count", count, "--out", sheet)


def test_as_a_program() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "spatial_edit", "generate", "--seed", "x"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2 and result.stdout == "" and "--seed" in result.stderr
    assert "Traceback" not in result.stderr
