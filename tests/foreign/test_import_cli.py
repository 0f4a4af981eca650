"""`import`, `models`, `generate`, `forget`: from a file of another project to a picture, and one sentence for
what cannot be imported."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from spatial_edit.cli import main
from spatial_edit.generators import registry
from tests.foreign.stylegan2_file import PLAIN, small_generator
from tests.foreign.test_stylegan2_rosinality_files import rosinality_tensors

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(registry, "_loaded", {})
    return tmp_path / "models"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A checkpoint as rosinality's code saves it, under a name that says nothing."""
    model = small_generator(PLAIN)
    path = tmp_path / "Some Weights.dat"
    torch.save({"g_ema": rosinality_tensors(model), "latent_avg": model.w_mean[None]}, path)
    return path


def test_from_a_file_to_a_picture(
    file: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    said = ["--licence", "MIT", "--source", "https://example.org/x.pt"]
    assert main(["import", str(file), *said, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["name"] == "some-weights" and made["folder"] == str(models / "some-weights")
    assert "rosinality" in made["format"] and made["licence"] == "MIT" and made["resolution"] == 16
    assert (
        hashlib.sha256(file.read_bytes()).hexdigest() in (models / "some-weights" / "README.md").read_text()
    )

    wanted, here = small_generator(PLAIN), registry.load("some-weights")
    z, noise = wanted.latents_of_seeds([3])
    with torch.no_grad():
        picture = wanted(z, noise)[0].clamp(-1, 1)
    assert (here.render(here.sample(3)) - picture).abs().max() < 1e-5

    out = tmp_path / "p.png"
    assert main(["generate", "--model", "some-weights", "--seed", "3", "--out", str(out)]) == 0
    code = capsys.readouterr().out.strip()
    assert Image.open(out).size == (16, 16)
    assert main(["generate", "--model", "some-weights", "--seed", "3", "--truncation", "0.5"]) == 0
    assert capsys.readouterr().out.strip() != code

    assert main(["models"]) == 0
    listing = capsys.readouterr().out
    assert "some-weights" in listing and "licence: MIT; source: https://example.org/x.pt" in listing
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert rows["some-weights"]["added"] and not rows["blobgan-rooms"]["added"]
    assert rows["some-weights"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()

    assert main(["forget", "some-weights"]) == 0 and not list(models.iterdir())
    capsys.readouterr()
    assert main(["generate", "--model", "some-weights"]) == 2
    assert "there is no model 'some-weights'" in capsys.readouterr().err


def refused(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    assert main(["import", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ") and captured.err.count("\n") == 1
    return captured.err


def test_errors_names_and_places(
    file: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["import", str(file), "--as", "mine"]) == 0
    capsys.readouterr()
    assert "already a model mine" in refused(capsys, str(file), "--as", "mine")
    assert main(["import", str(file), "--as", "mine", "--replace"]) == 0
    capsys.readouterr()
    assert "comes with the program" in refused(capsys, str(file), "--as", "blobgan-rooms")
    assert "cannot be a model's name" in refused(capsys, str(file), "--as", "../mine")
    assert "no added model 'other' to extend" in refused(capsys, str(file), "--onto", "other")
    assert "a model by itself" in refused(capsys, str(file), "--onto", "mine")
    assert "there is no file" in refused(capsys, str(tmp_path / "absent.pt"))
    assert "licence is longer" in refused(capsys, str(file), "--licence", "x" * 400)
    assert main(["import", str(file), "--out", str(tmp_path / "else" / "where")]) == 0
    assert (tmp_path / "else" / "where" / "some-weights" / "config.json").is_file()
    assert [path.name for path in models.iterdir()] == ["mine"]


def test_errors_files(file: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    text = tmp_path / "notes.pkl"
    text.write_text("These are not the weights.\n" * 20)
    refused(capsys, str(text))
    text.write_bytes(b"")
    refused(capsys, str(text))
    text.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    refused(capsys, str(text))
    tensors = rosinality_tensors(small_generator(PLAIN))
    torch.save({"g_ema": {n: t for n, t in tensors.items() if "conv1.conv.weight" not in n}}, text)
    assert "lacks" in refused(capsys, str(text))
    torch.save({"g_ema": {**tensors, "surplus.weight": torch.ones(3)}}, text)
    assert "surplus.weight" in refused(capsys, str(text))
    first = next(iter(tensors))
    torch.save({"g_ema": {**tensors, first: tensors[first] * float("nan")}}, text)
    assert "NaN" in refused(capsys, str(text))
    torch.save({"weights": [1, 2, 3]}, text)
    assert "holds no network that is known here" in refused(capsys, str(text))
    refused(capsys, str(tmp_path))
    assert not models.exists() or not list(models.iterdir())


def test_errors_a_file_that_tries_to_run_something(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    canary = tmp_path / "canary"
    evil = tmp_path / "evil.pkl"
    evil.write_bytes(b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR.")
    assert "evil.pkl was not read" in refused(capsys, str(evil))
    assert not canary.exists() and not models.exists()


def test_errors_options_that_would_be_ignored(
    file: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert "leave out --mean" in refused(capsys, str(file), "--mean", str(file))
    assert "leave out --with" in refused(capsys, str(file), "--with", str(file))
    assert "download the file" in refused(capsys, "https://example.org/x.pt")
    assert "is a folder" in refused(capsys, str(tmp_path))
    assert "there is no file" in refused(capsys, str(tmp_path / "blobgan-rooms.pkl"))
    assert not models.exists()
    assert main(["import", str(file)]) == 0
    capsys.readouterr()
    weights = next((models / "some-weights").glob("*.safetensors"))
    assert f"copy the whole folder to {models}" in refused(capsys, str(weights), "--as", "again")


def test_errors_a_disk_that_takes_no_more(file: Path, models: Path) -> None:
    """A real one, in a process of its own: no file may grow beyond 20 kB."""
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)); "
        "from spatial_edit.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    assert resource.RLIMIT_FSIZE is not None
    ran = subprocess.run(
        [sys.executable, "-B", "-c", program, "import", str(file)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 2 and ran.stdout == ""
    assert ran.stderr == "error: could not save to some-weights: File too large\n"
    assert list(models.iterdir()) == []
