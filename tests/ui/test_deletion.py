"""Deleting a parsed scene with the key that was shown for it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from PIL import Image

from spatial_edit.store import Store
from spatial_edit.ui.context import Context
from spatial_edit.ui.photos.batch import Batch, Result
from spatial_edit.ui.photos.deletion import delete
from spatial_edit.ui.serving.seats import Seats
from tests.ui.fake_generator import FakeGenerator, fake_parse


@pytest.fixture
def context() -> Context:
    generator = FakeGenerator()
    made = Context(
        lambda name: generator,
        Store(),
        {generator.spec.name: generator.spec},
        fake_parse,
        Seats(lambda: made.new_session()),
    )
    return made


@pytest.fixture
def batch(context: Context, tmp_path: Path) -> Batch:
    photo = tmp_path / "room.png"
    Image.new("RGB", (40, 30), "teal").save(photo)
    batch = Batch(context, context.first_model, "encode", "crop")
    batch.take([str(photo)])
    batch.run()
    return batch


@pytest.fixture
def result(batch: Batch) -> Result:
    return batch.result(1)


@pytest.mark.parametrize("written", ["{code}", " {code} ", "http://localhost/?s={entry}", "?s={entry}"])
def test_the_key_deletes_the_scene(context: Context, result: Result, written: str) -> None:
    delete(context, written.format(code=result.code, entry=result.code[2:]), f"{result.key}\n")
    with pytest.raises(ValueError, match="not in the store"):
        context.new_session().open(result.code)


def test_the_link_of_an_edit_deletes_its_scene(context: Context, result: Result) -> None:
    session = context.new_session()
    session.open(result.code)
    edited = session.edit({"op": "move", "target": 3, "dx": 0.1, "dy": 0.0}).code
    assert edited != result.code
    delete(context, f"http://localhost/?s={edited[2:]}", result.key)
    with pytest.raises(ValueError, match="not in the store"):
        context.new_session().open(edited)


def test_a_key_as_the_table_quotes_it_deletes_too(context: Context, result: Result) -> None:
    delete(context, result.code, f"'{result.key}")
    with pytest.raises(ValueError, match="not in the store"):
        context.new_session().open(result.code)


@pytest.mark.parametrize("key", ["wrong", "", None])
def test_a_wrong_key_deletes_nothing(context: Context, result: Result, key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        delete(context, result.code, key)
    assert context.new_session().open(result.code).code == result.code


@pytest.mark.parametrize("code", ["", "hello", "http://localhost/?e=AAAA", "s:../../etc"])
def test_a_wrong_code_is_refused(context: Context, result: Result, code: str) -> None:
    with pytest.raises(ValueError):
        delete(context, code, result.key)


def test_the_table_of_the_zip_keeps_the_key(batch: Batch, result: Result) -> None:
    (row,) = csv.DictReader(io.StringIO(batch.table()))
    assert row["deletion_key"].lstrip("'") == result.key and row["code"] == result.code
