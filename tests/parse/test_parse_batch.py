"""Batch: one broken photo harms no other, finished items are not parsed again, the zip holds all of it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
import torch

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.images import to_pil
from spatial_edit.layouts.codec import scene_from_json
from spatial_edit.parse import batch as module
from spatial_edit.parse.batch import FILES, Failure, Item, Options, Result, parse_many, result_name, write_zip


@pytest.fixture(scope="module")
def tiny() -> BlobGenerator:
    return BlobGenerator.tiny()


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    to_pil(torch.rand(3, 9, 12, generator=torch.Generator().manual_seed(seed)) * 2 - 1).save(buffer, "PNG")
    return buffer.getvalue()


def items() -> list[Item]:
    return [Item("=one.png", png(1)), Item("two/../b r o k e n.png", png(2)[:60]), Item("three.png", png(3))]


def test_three_photos_one_broken(tiny, tmp_path):
    found = list(parse_many(tiny, items(), Options(), tmp_path))
    assert [type(x) for x in found] == [Result, Failure, Result]
    assert found[1].name == "two/../b r o k e n.png" and "." not in found[1].reason[:-1] and found[1].reason
    for result in (found[0], found[2]):
        assert sorted(p.name for p in result.folder.iterdir()) == sorted(FILES)
        scene = scene_from_json((result.folder / "scene.json").read_text())
        assert (to_pil(tiny.render(scene))).tobytes() == reopened(result.folder / "reconstruction.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({found[0].folder.name, found[2].folder.name})


def reopened(path: Path) -> bytes:
    from PIL import Image

    return Image.open(path).convert("RGB").tobytes()


def test_finished_items_are_found_again_and_options_make_another_item(tiny, tmp_path, monkeypatch):
    first = list(parse_many(tiny, items(), Options(), tmp_path))
    calls = []
    monkeypatch.setattr(module, "parse_photo", lambda *a, **k: calls.append(a))
    again = list(parse_many(tiny, items(), Options(), tmp_path))
    assert not calls and [getattr(r, "resumed", None) for r in again] == [True, None, True]
    assert [r.folder for r in again if isinstance(r, Result)] == [
        r.folder for r in first if isinstance(r, Result)
    ]
    names = {
        result_name("ab", w, o)
        for w in ("1", "2")
        for o in (Options(), Options("refine"), Options(fit="letterbox"))
    }
    assert len(names) == 6 and all(len(name) == 32 for name in names)


def test_the_weights_of_the_reader_of_rooms_make_another_item(tiny, monkeypatch):
    from spatial_edit.generators.box3d.renderer import Box3DGenerator

    rooms = Box3DGenerator.tiny()
    monkeypatch.setattr(module, "_reader_weights", lambda folder: f"of {folder.name}")
    assert module.parsing_weights(rooms) == f"{rooms.weights}+of box3d-reader"
    assert module.parsing_weights(tiny) == tiny.weights
    monkeypatch.undo()
    first, _, digest = module.parsing_weights(rooms).partition("+")
    assert first == rooms.weights and len(digest) == 16


def test_a_result_that_was_cut_off_is_made_again(tiny, tmp_path):
    (first,) = parse_many(tiny, items()[:1], Options(), tmp_path)
    (first.folder / "result.json").write_text("{")
    (damaged,) = parse_many(tiny, items()[:1], Options(), tmp_path)
    assert isinstance(damaged, Failure) and "damaged" in damaged.reason
    for part in first.folder.iterdir():
        part.unlink()
    first.folder.rmdir()
    (again,) = parse_many(tiny, items()[:1], Options(), tmp_path)
    assert isinstance(again, Result) and not again.resumed


def test_the_rest_of_too_many_is_named(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("SPATIAL_EDIT_MAX_BATCH", "2")
    found = list(parse_many(tiny, (Item(f"{i}.png", png(i)) for i in range(5)), Options(), tmp_path))
    assert [type(x) for x in found] == [Result, Result, Failure, Failure, Failure]
    assert [x.name for x in found[2:]] == ["2.png", "3.png", "4.png"] and "at most 2" in found[2].reason
    for value in ("0", "-1", "many", ""):
        monkeypatch.setenv("SPATIAL_EDIT_MAX_BATCH", value)
        with pytest.raises(ValueError, match="SPATIAL_EDIT_MAX_BATCH"):
            list(parse_many(tiny, items(), Options(), tmp_path))


def test_stopping_ends_the_item_at_hand_and_begins_no_other(tiny, tmp_path):
    shares: list[float] = []
    found = list(
        parse_many(
            tiny, items(), Options("refine", steps=200), tmp_path,
            progress=shares.append, keep_going=lambda: len(shares) < 4,
        )
    )  # fmt: skip
    assert isinstance(found[0], Result) and "stopped early" in " ".join(found[0].notes)
    assert [x.reason for x in found[1:]] == ["not begun: stopped"] * 2
    (again,) = parse_many(tiny, items()[:1], Options("refine", steps=200), tmp_path, keep_going=lambda: False)
    assert isinstance(again, Failure)  # the half-done one is not taken for finished
    assert not any(p.name == result_name("", "", Options()) for p in tmp_path.iterdir())


def test_zip_holds_every_file_and_a_table(tiny, tmp_path):
    found = list(parse_many(tiny, items(), Options(), tmp_path / "work"))
    target = tmp_path / "all.zip"
    assert write_zip(iter(found), target) == 2
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["all.zip"]
    with zipfile.ZipFile(target) as bundle:
        assert bundle.testzip() is None
        folders = (
            ["001--one", "002-three"]
            if "001--one/scene.json" in bundle.namelist()
            else ["001-one", "002-three"]
        )
        assert sorted(bundle.namelist()) == sorted(
            [f"{d}/{f}" for d in folders for f in FILES] + ["photos.csv", "blobs.csv"]
        )
        table = list(csv.DictReader(io.TextIOWrapper(bundle.open("photos.csv"), "utf-8")))
        assert [row["photo"] for row in table] == ["'=one.png", "two/../b r o k e n.png", "three.png"]
        assert table[1]["error"] and float(table[0]["psnr_db"]) > 0
        scene = scene_from_json(bundle.read(f"{folders[0]}/scene.json").decode())
        blobs = list(csv.DictReader(io.TextIOWrapper(bundle.open(f"{folders[0]}/blobs.csv"), "utf-8")))
        assert [int(row["number"]) for row in blobs] == list(scene.layout.ids)
        facts = json.loads(bundle.read(f"{folders[0]}/result.json"))
        assert set(facts) == {"psnr", "seconds", "steps", "notes"}


def test_the_zip_has_one_table_of_all_elements(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "layout_table", lambda parsed, generator: "number,name\n3,bed\n7,'=x\n")
    target = tmp_path / "all.zip"
    write_zip(parse_many(tiny, items(), Options(), tmp_path / "work"), target)
    with zipfile.ZipFile(target) as bundle:
        rows = list(csv.reader(io.TextIOWrapper(bundle.open("blobs.csv"), "utf-8")))
    assert rows[0] == ["photo", "number", "name"]
    assert rows[1:3] == [["'=one.png", "3", "bed"], ["'=one.png", "7", "'=x"]]
    assert [row[0] for row in rows[3:]] == ["three.png"] * 2


def test_a_zip_that_fails_leaves_nothing(tiny, tmp_path):
    (result,) = parse_many(tiny, items()[:1], Options(), tmp_path / "work")
    (result.folder / "blobs.csv").unlink()
    with pytest.raises(OSError):
        write_zip([result], tmp_path / "all.zip")
    assert [p.name for p in tmp_path.iterdir()] == ["work"]


def test_a_full_disk_is_a_failure_with_a_sentence(tiny, tmp_path, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.Path, "rename", full)
    found = list(parse_many(tiny, items()[:1], Options(), tmp_path))
    assert isinstance(found[0], Failure) and "No space left" in found[0].reason
    assert list(tmp_path.iterdir()) == []
