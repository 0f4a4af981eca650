"""Adding and removing models: names, one at a time, errors as sentences, nothing left behind; the table."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from spatial_edit.foreign.content import ForeignError
from spatial_edit.generators import imported, registry
from spatial_edit.session import Session
from spatial_edit.session.adding import BUSY, AddError, Adding, Wanted, free_name, pictured
from spatial_edit.session.model_table import model_rows
from tests.ui.fake_import import HOLD, fake_import


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where added models lie."""
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "models"))
    yield tmp_path / "models"
    HOLD.set()
    for name in ("mine", "toy", "other"):
        registry.forget(name)


@pytest.fixture
def adding() -> Adding:
    return Adding(fake_import)


def file(tmp_path: Path, data: bytes = b"model 1", name: str = "Toy.pkl") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def names(folder: Path) -> list[str]:
    """All that lies in the models' folder, hidden things too."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_becomes_a_model_that_draws(adding: Adding, tmp_path: Path, folder: Path) -> None:
    made = adding.add(Wanted(file(tmp_path), licence="  CC0  ", source="a paper"))
    assert (made.name, made.pictures, made.spec.licence) == ("toy", True, "CC0")
    assert "toy" in pictured() and names(folder) == ["toy"]
    session = Session(registry.load)
    frame = session.generate("toy", 3)
    assert frame.image.shape == (3, 16, 16) and session.open(frame.code).scene.model == "toy"
    row = next(row for row in model_rows() if row.name == "toy")
    assert (row.licence, row.source, row.format, row.layout) == (
        "CC0",
        "a paper",
        "a toy of the tests",
        "none",
    )
    assert row.added and row.draws and len(row.sha256) == 64 and row.score == ()


def test_a_removed_model_is_gone_and_its_name_is_free(adding: Adding, tmp_path: Path, folder: Path) -> None:
    adding.add(Wanted(file(tmp_path)))
    session = Session(registry.load)
    frame = session.generate("toy", 3)
    adding.remove("toy")
    assert names(folder) == [] and "toy" not in pictured()
    with pytest.raises(ValueError):
        session.open(frame.code)
    adding.add(Wanted(file(tmp_path, b"model 2")))
    assert not torch.equal(session.generate("toy", 3).image, frame.image)  # not the old weights


@pytest.mark.parametrize("name", ["blobgan-rooms", "nothing", "../toy", "", None, 7, "toy/config.json"])
def test_only_added_models_are_removed(adding: Adding, tmp_path: Path, folder: Path, name: Any) -> None:
    adding.add(Wanted(file(tmp_path)))
    with pytest.raises(AddError, match="no added model"):
        adding.remove(name)
    assert names(folder) == ["toy"]


@pytest.mark.parametrize("name", ["Toy", "a b", "../up", "x" * 49, ".hidden", "<b>", "blobgan-rooms"])
def test_names_that_cannot_be(adding: Adding, tmp_path: Path, folder: Path, name: str) -> None:
    with pytest.raises(AddError, match="name"):
        adding.add(Wanted(file(tmp_path), name=name))
    assert names(folder) == []


def test_a_taken_name_is_told_before_the_file_is_read(adding: Adding, tmp_path: Path) -> None:
    adding.add(Wanted(file(tmp_path)))
    unread = Adding(lambda *given, **more: pytest.fail("it was read"))
    for wanted in (Wanted(file(tmp_path)), Wanted(file(tmp_path), name="toy")):
        with pytest.raises(AddError, match="already a model toy: choose another name, or remove"):
            unread.add(wanted)


def test_a_text_is_refused_in_one_sentence(adding: Adding, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(AddError, match="is a text"):
        adding.add(Wanted(file(tmp_path, b"hello")))
    assert names(folder) == [] and adding.add(Wanted(file(tmp_path))).name == "toy"  # it goes on


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ForeignError("the file ends too early"), "the file ends too early"),
        (ForeignError("choose another disk with --out"), "--out .on the command line"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
        (RuntimeError("shape '[2]' is invalid"), "cannot be built"),
    ],
)
def test_every_error_is_a_sentence(tmp_path: Path, error: Exception, words: str) -> None:
    def failing(*given: Any, **more: Any) -> Any:
        raise error

    adding = Adding(failing, failing)
    for wanted in (Wanted(file(tmp_path)), Wanted(address="somebody/rooms@main")):
        with pytest.raises(AddError, match=words) as told:
            adding.add(wanted)
        assert "\n" not in str(told.value)


def test_what_is_asked_for_must_be_one_thing(adding: Adding, tmp_path: Path) -> None:
    with pytest.raises(AddError, match="nothing to add"):
        adding.add(Wanted())
    with pytest.raises(AddError, match="not both"):
        adding.add(Wanted(file(tmp_path), address="a/b"))
    for path in (tmp_path / "absent.pkl", tmp_path, Path("/dev/zero")):
        with pytest.raises(AddError, match="there is no file"):
            adding.add(Wanted(path))


def test_a_hub_address_is_handed_on_with_a_name() -> None:
    seen: list[Any] = []

    def from_hub(address: str, name: str, **said: Any) -> Any:
        seen.append((address, name, said))
        raise ForeignError("the hub cannot be reached")

    adding = Adding(None, from_hub)
    for address, name in (("hf:me/My.Rooms@v1", ""), ("me/rooms", "mine")):
        with pytest.raises(AddError, match="cannot be reached"):
            adding.add(Wanted(address=f" {address} ", name=name, licence=" MIT "))
    assert [(address, name) for address, name, _ in seen] == [
        ("hf:me/My.Rooms@v1", "my.rooms"),
        ("me/rooms", "mine"),
    ]
    assert all(said == {"licence": "MIT", "source": None} for _, _, said in seen)


def test_one_at_a_time(adding: Adding, tmp_path: Path, folder: Path) -> None:
    HOLD.clear()
    first = threading.Thread(target=adding.add, args=(Wanted(file(tmp_path)),))
    first.start()
    try:
        while not adding._turn.locked():
            pass
        with pytest.raises(AddError, match=BUSY):
            adding.add(Wanted(file(tmp_path), name="other"))
    finally:
        HOLD.set()
        first.join()
    assert names(folder) == ["toy"]


def test_the_table_of_bundled_models() -> None:
    rows = {row.name: row for row in model_rows()}
    assert not any(row.added for row in rows.values())
    plain = rows["stylegan2-rooms"]
    assert plain.layout == "none" and plain.licence == "MIT" and not plain.draws and len(plain.sha256) == 16
    assert rows["blobgan-rooms"].draws and rows["box3d-rooms"].draws
    assert plain.score[0].startswith("Fréchet distance")


def test_networks_are_in_the_table_alone(folder: Path) -> None:
    home = folder / "judge"
    home.mkdir(parents=True)
    (home / "config.json").write_text("{}")
    imported.write_facts(home, imported.Facts("backbone", "LPIPS", "", 64, imported.FIRST_NUMBER))
    row = next(row for row in model_rows() if row.name == "judge")
    assert not row.draws and row.layout == "" and row.family == "Backbone of metrics"
    assert "judge" not in pictured() and "blobgan-rooms" in pictured()
    with pytest.raises(ValueError):
        registry.load("judge")


def test_a_damaged_folder_harms_nobody(folder: Path) -> None:
    for name, text in (("broken", "{"), ("wrong", '{"family": 3}')):
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text("{}")
        (folder / name / "model.json").write_text(text)
    assert not {"broken", "wrong"} & {row.name for row in model_rows()}


def test_scores_of_added_models_are_those_against_pictures_that_the_user_named(folder: Path) -> None:
    home = folder / "toy"
    home.mkdir(parents=True)
    (home / "config.json").write_text("{}")
    imported.write_facts(home, imported.Facts("stylegan2", "Toy", "", 64, imported.FIRST_NUMBER))

    def score(**metrics: object) -> tuple[str, ...]:
        (home / "metrics.json").write_text(json.dumps(metrics))
        return next(row for row in model_rows() if row.name == "toy").score

    assert score(frechet=7.1, precision=0.0) == ()
    assert score(frechet=7.1, fid=90.0, fid_real_set="rendered rooms") == ()
    assert score(fid=12.5, fid_real_set="cats") == ("FID 12.50", "to cats")


def test_a_bundled_models_name_is_not_to_be_had(folder: Path) -> None:
    with pytest.raises(AddError, match="comes with the program: choose another name"):
        free_name("box3d-rooms")
