"""Imports: a model's folder whole or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from spatial_edit import checkpoints
from spatial_edit.checkpoints import CheckpointError
from spatial_edit.foreign import folders, writer
from spatial_edit.foreign.card import Original
from spatial_edit.foreign.content import Converted, ForeignError
from spatial_edit.foreign.folders import name_from, remove
from spatial_edit.foreign.writer import ImportedModel, Stated, attach, write
from spatial_edit.generators import registry
from spatial_edit.generators.imported import added, models_folder, number_of, read_facts
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator, config_to_json

ORIGINAL = Original("network.pkl", 4321, "ab" * 32)
STATED = Stated("CC BY-NC 4.0", "https://example.org/network.pkl")


def converted(seed: int = 0) -> Converted:
    torch.manual_seed(seed)
    config = StyleGAN2Config.tiny()
    model = StyleGAN2Generator(config).eval()
    model.measure_mean(32, torch.Generator().manual_seed(0))
    judge = nn.Linear(3, 2)
    return Converted(
        "a test's pickle", "stylegan2", "StyleGAN2, 32 px", 32, config_to_json(config), model,
        parts={"discriminator": (judge, {"kind": "a judge"})}, notes=("the mean was measured",),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(registry, "_loaded", {})
    return tmp_path / "models"


def put(name: str = "mine", seed: int = 0, replace: bool = False) -> ImportedModel:
    return write(converted(seed), ORIGINAL, STATED, name, models_folder(), replace)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_round_trip_is_bit_for_bit(models: Path) -> None:
    made, wanted = put(), converted()
    assert made.folder == models / "mine" and made.parts == ("discriminator",) and made.notes
    assert sorted(everything(made.folder)) == [
        "README.md", "config.json", "discriminator/config.json", "discriminator/model.safetensors",
        "model.json", "model.safetensors",
    ]  # fmt: skip
    assert [path.name for path in models.iterdir()] == ["mine"]
    generator = registry.load("mine")
    assert isinstance(wanted.module, StyleGAN2Generator)
    for name, tensor in wanted.module.state_dict().items():
        assert torch.equal(generator.model.state_dict()[name], tensor)
    z, noise = wanted.module.latents_of_seeds([7])
    with torch.no_grad():
        picture = wanted.module(z, noise)[0].clamp(-1, 1)
    assert (generator.render(generator.sample(7)) - picture).abs().max() < 1e-5
    part, config, _ = checkpoints.load(made.folder / "discriminator", lambda config: nn.Linear(3, 2))
    assert config == {"kind": "a judge"} and torch.equal(part.weight, wanted.parts["discriminator"][0].weight)


def test_facts_and_card_say_what_was_stated(models: Path) -> None:
    facts = read_facts(put().folder)
    assert (facts.licence, facts.source) == (STATED.licence, STATED.source)
    assert (facts.format, facts.sha256, facts.family) == ("a test's pickle", "ab" * 32, "stylegan2")
    card = (models / "mine" / "README.md").read_text()
    assert "the mean was measured" in card and "4321 bytes" in card and "ab" * 32 in card
    before = everything(models)
    shutil.rmtree(models)
    put()
    assert everything(models) == before  # no date, no chance


def test_half_precision_weights_are_stored_in_full(models: Path) -> None:
    made = put()
    header = checkpoints.read_header(made.folder / "model.safetensors")
    assert {entry.dtype for entry in header.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("stem", "name"),
    [("Network Snapshot (25000)", "network-snapshot-25000"), ("../../etc/passwd", "etc-passwd"),
     ("", "model"), ("ÄÖ", "model"), ("...", "model"), ("a" * 90, "a" * 48), ("FFHQ_512.v2", "ffhq_512.v2"),
     ("-x-", "x"), ("a" * 47 + "-b", "a" * 47)],
)  # fmt: skip
def test_numbers_names_made_of_files(stem: str, name: str) -> None:
    assert name_from(stem) == name and writer.NAME.fullmatch(name)


def test_errors_names(models: Path) -> None:
    put()
    for name, words in (
        ("mine", "already a model mine: choose another name with --as, or say --replace"),
        ("stylegan2-rooms", "comes with the program: choose another name with --as"),
        ("../x", "cannot be a model's name"),
        ("A", "cannot be a model's name"),
        ("a" * 49, "cannot be a model's name"),
        (".hidden", "cannot be a model's name"),
    ):
        with pytest.raises(ForeignError, match=words):
            folders.free_name(name, models, replace=False)
    (models / "photos").mkdir()
    (models / "photos" / "dear.png").write_bytes(b"x")
    with pytest.raises(ForeignError, match="is not the folder of a model: it is not replaced"):
        folders.free_name("photos", models, replace=True)
    with pytest.raises(ForeignError, match="comes with the program"):
        folders.free_name("stylegan2-rooms", models, replace=True)


def test_replacing(models: Path) -> None:
    first = put()
    old = registry.load("mine")
    second = put(seed=1, replace=True)
    assert [path.name for path in models.iterdir()] == ["mine"] and first.folder == second.folder
    new = registry.load("mine")
    assert new is not old and new.weights != old.weights
    assert not torch.equal(new.render(new.sample(1)), old.render(old.sample(1)))
    with pytest.raises(ForeignError, match="already a model mine"):
        put()


def damage(monkeypatch: pytest.MonkeyPatch, nth: int, error: BaseException) -> list[int]:
    """The n-th file that is written out raises."""
    calls: list[int] = []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == nth:
            raise error

    monkeypatch.setattr(os, "fsync", fsync)
    return calls


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_errors_full_disk_and_interruption_leave_nothing(
    models: Path, monkeypatch: pytest.MonkeyPatch, nth: int, error: BaseException, existing: bool
) -> None:
    if existing:
        put()
    before = everything(models) if existing else {}
    calls = damage(monkeypatch, nth, error)
    sentence = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else ValueError
    with pytest.raises(sentence) as caught:
        put(seed=1, replace=True)
    assert len(calls) == nth  # two networks of two files each
    if sentence is ValueError:
        assert isinstance(error, OSError) and str(error.strerror) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (everything(models) if models.exists() else {}) == before
    assert [path.name for path in models.iterdir()] == (["mine"] if existing else [])


def test_errors_full_disk_at_the_last_file(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *arguments: object, **options: object) -> None:
        raise FULL

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ForeignError, match=r"could not write mine to .*: No space left on device"):
        put()
    assert not list(models.iterdir())


def test_errors_the_last_rename(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put()
    before = everything(models)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if target == models / "mine" and path.parent.name.startswith(".mine.importing"):
            if path.name == "mine":
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ForeignError, match="Permission denied"):
        put(seed=1, replace=True)
    assert everything(models) == before and [path.name for path in models.iterdir()] == ["mine"]


def test_errors_too_little_room_is_said_before(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda path: usage._replace(free=10_000_100))
    calls = damage(monkeypatch, 1, FULL)
    with pytest.raises(
        ForeignError, match="10 MB free, the model needs 10 MB: make room, or choose another disk"
    ):
        put()
    assert not calls and not list(models.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: run as another user")
def test_errors_read_only_folder(models: Path) -> None:
    models.mkdir()
    models.chmod(0o500)
    with pytest.raises(ForeignError, match="Permission denied"):
        put()


def test_errors_out_is_a_file(models: Path) -> None:
    models.write_text("x")
    with pytest.raises(ForeignError, match=r"could not write mine to .*models"):
        put()


def test_errors_weights_that_cannot_be_stored(models: Path) -> None:
    broken = converted()
    assert isinstance(broken.module, nn.Module)
    broken.module.w_mean[0] = float("nan")
    with pytest.raises(CheckpointError, match="w_mean holds NaN"):
        write(broken, ORIGINAL, STATED, "mine", models)
    for part in ("../x", "A", ""):
        odd = replace(converted(), parts={part: (nn.Linear(1, 1), {})})
        with pytest.raises(ForeignError, match="cannot be the name of a network's folder"):
            write(odd, ORIGINAL, STATED, "mine", models)
    with pytest.raises(CheckpointError, match=r"model\.json is damaged"):
        write(replace(converted(), resolution=0), ORIGINAL, STATED, "mine", models)
    assert not list(models.iterdir())


def test_what_a_killed_import_left_is_swept(models: Path) -> None:
    models.mkdir()
    for name, age in ((".mine.importing-abc", 2 * 86_400), (".mine.importing-new", 0)):
        (models / name / "mine").mkdir(parents=True)
        os.utime(models / name, (time.time() - age,) * 2)
    assert not added()
    put()
    assert sorted(path.name for path in models.iterdir()) == [".mine.importing-new", "mine"]


def test_numbers_collide_and_the_next_is_taken(models: Path) -> None:
    first, second = put("one"), put("two")
    assert first.spec.number == number_of(checkpoints.stored_hash(first.folder))
    following = first.spec.number + 1 if first.spec.number < 227 else 128
    assert second.spec.number == following
    copied = models / "three"
    shutil.copytree(first.folder, copied)  # by hand, from another machine
    numbers = {name: spec.number for name, spec in added().items()}
    assert len(set(numbers.values())) == 3 and numbers["one"] == first.spec.number
    assert {registry.by_number(number).name for number in numbers.values()} == {"one", "two", "three"}


def encoder() -> Converted:
    return Converted(
        "an encoder", "blobgan-encoder", "BlobGAN's encoder", 32, {"kind": "encoder"}, nn.Linear(2, 2)
    )


def test_an_encoder_goes_onto_its_model(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[tuple] = []
    monkeypatch.setattr(
        writer.blobgan, "check_encoder", lambda mine, its: checked.append((mine["kind"], its["kind"]))
    )
    with pytest.raises(ForeignError, match=r"belongs to a model of the family .*--onto"):
        write(encoder(), ORIGINAL, STATED, "encoder", models)
    with pytest.raises(ForeignError, match="no added model 'mine' to extend"):
        attach(encoder(), ORIGINAL, STATED, "mine", models)
    put()
    with pytest.raises(
        ForeignError, match="belongs to a model of blobgan-published; mine is one of stylegan2"
    ):
        attach(encoder(), ORIGINAL, STATED, "mine", models)
    with pytest.raises(ForeignError, match="a model by itself: import it without --onto"):
        attach(converted(), ORIGINAL, STATED, "mine", models)
    write(replace(converted(), family="blobgan-published", kind="blobs"), ORIGINAL, STATED, "blobs", models)
    assert not checked
    attach(encoder(), ORIGINAL, STATED, "blobs", models)
    assert checked == [("encoder", "stylegan2")]
    folder = models / "blobs" / "encoder"
    assert torch.is_tensor(checkpoints.load(folder, lambda config: nn.Linear(2, 2))[0].weight)
    assert json.loads((folder / "model.json").read_text())["family"] == "blobgan-encoder"
    with pytest.raises(ForeignError, match="blobs already has its encoder: say --replace"):
        attach(encoder(), ORIGINAL, STATED, "blobs", models)
    attach(encoder(), ORIGINAL, STATED, "blobs", models, replace=True)
    assert sorted(added()) == ["blobs", "mine"]
    assert not [path.name for path in (models / "blobs").iterdir() if path.name.startswith(".")]


def test_removing(models: Path) -> None:
    put()
    loaded = registry.load("mine")
    remove("mine")
    assert not list(models.iterdir()) and not registry._loaded
    with pytest.raises(ValueError, match="there is no model 'mine'"):
        registry.load("mine")
    assert loaded.render(loaded.sample(1)).shape == (3, 32, 32)  # who holds it may go on
    for name in ("mine", "../models", "stylegan2-rooms", ""):
        with pytest.raises(ForeignError, match=r"no added model|comes with the program"):
            remove(name)
    (models / "plain").mkdir()
    with pytest.raises(ForeignError, match="no added model 'plain'"):
        remove("plain")


def test_a_model_that_was_taken_away_is_forgotten(models: Path) -> None:
    folder = put().folder
    registry.load("mine")
    shutil.rmtree(folder)
    with pytest.raises(ValueError, match="there is no model 'mine'"):
        registry.load("mine")
    assert not registry._loaded


def changed(folder: Path, change: Callable[[dict], object]) -> None:
    content = json.loads((folder / "model.json").read_text())
    change(content)
    (folder / "model.json").write_text(json.dumps(content))


def test_errors_damaged_facts_hide_a_model(models: Path) -> None:
    folder = put().folder
    for change in (
        lambda c: c.update(number=1),  # that of a bundled model
        lambda c: c.update(number=True),
        lambda c: c.update(resolution="64"),
        lambda c: c.update(title=3),
        lambda c: c.update(row_names="bed"),
        lambda c: c.update(row_names=[1]),
        lambda c: c.update(stands=[[1]]),
        lambda c: c.update(stands=[3]),
        lambda c: c.update(licence="x" * 2000),
        lambda c: c.pop("family"),
    ):
        before = (folder / "model.json").read_text()
        changed(folder, change)
        assert "mine" not in added()
        with pytest.raises(ValueError, match="there is no model 'mine'"):
            registry.load("mine")
        (folder / "model.json").write_text(before)
    assert "mine" in added()
