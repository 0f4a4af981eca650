"""The batch behind the Parse tab: states, stop and resume, what it writes, what the tab shows of it."""

from __future__ import annotations

import csv
import gc
import io
import json
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from spatial_edit.layouts import Blobs  # noqa: E402
from spatial_edit.store import Store  # noqa: E402
from spatial_edit.ui.context import Context  # noqa: E402
from spatial_edit.ui.photos.batch import FILES, Batch  # noqa: E402
from spatial_edit.ui.photos.parse_tab import prepare, work  # noqa: E402
from spatial_edit.ui.photos.photo_list import PhotoDesk, list_value  # noqa: E402
from spatial_edit.ui.serving.seats import Seats  # noqa: E402
from spatial_edit.uploads import join_tables, max_batch, safe_stem, to_csv  # noqa: E402
from tests.ui.fake_boxes import FakeBoxes  # noqa: E402
from tests.ui.fake_generator import FakeGenerator, fake_parse  # noqa: E402

MODEL = "fake-rooms"


def context_of(parse: Any = fake_parse, generator: Any = None) -> Context:
    model = generator or FakeGenerator()
    made: Context = Context(
        lambda name: model, Store(), {model.spec.name: model.spec}, parse, Seats(lambda: made.new_session())
    )
    return made


@pytest.fixture
def context() -> Context:
    return context_of()


def photos(folder: Path, count: int) -> list[str]:
    paths = []
    for place in range(count):
        paths.append(str(folder / f"room {place}.png"))
        Image.new("RGB", (40, 30), (20 * place, 90, 120)).save(paths[-1])
    return paths


def states(batch: Batch) -> list[str]:
    return [photo.state for photo in batch.photos]


def batch_of(context: Context, files: list[str], effort: str = "encode", fit: str = "crop") -> Batch:
    batch = Batch(context, next(iter(context.models)), effort, fit)
    batch.take(files)
    return batch


class Counted:
    """`fake_parse` that remembers what it was given, and does `also` before it."""

    def __init__(self, also: Any = lambda count: None) -> None:
        self.count, self.also = 0, also

    def __call__(self, *arguments: Any) -> Any:
        self.count += 1
        self.also(self.count)
        return fake_parse(*arguments)


# ---- states ----


def test_one_broken_photo_harms_no_other(context: Context, tmp_path: Path) -> None:
    broken = tmp_path / "=cmd.png"
    broken.write_bytes(b"no picture")
    files = photos(tmp_path, 2)
    batch = batch_of(context, [files[0], str(broken), str(tmp_path / "gone.png"), files[1]], "refine")
    assert states(batch) == ["waiting"] * 4
    batch.run()
    assert states(batch) == ["done", "failed", "failed", "done"]
    assert "not an image" in batch.photos[1].reason and "No such file" in batch.photos[2].reason
    assert not batch.running and batch.photos[0].result.psnr > 0


def test_a_model_that_runs_out_of_memory_fails_one_photo(tmp_path: Path) -> None:
    def fail(count: int) -> None:
        if count == 1:
            raise RuntimeError("CUDA out of memory")

    batch = batch_of(context_of(Counted(fail)), photos(tmp_path, 2))
    batch.run()
    assert states(batch) == ["failed", "done"] and "memory" in batch.photos[0].reason


def test_the_share_of_a_photo_is_seen_while_it_is_worked_on(tmp_path: Path) -> None:
    seen = []

    def parse(*arguments: Any) -> Any:
        for share in (0.25, 0.75, 7.0):
            arguments[-1](share)
            seen.append((states(batch), batch.photos[0].share))
        return fake_parse(*arguments)

    batch = batch_of(context_of(parse), photos(tmp_path, 2))
    batch.stop()
    batch.run()  # stopped before it began: nothing happens
    assert not seen and states(batch) == ["waiting", "waiting"]
    batch.stopping.clear()
    batch.run()
    assert seen[:3] == [
        (["working", "waiting"], 0.25),
        (["working", "waiting"], 0.75),
        (["working", "waiting"], 1.0),
    ]


def test_stop_inside_a_photo_and_resume_redoes_nothing(tmp_path: Path) -> None:
    parse = Counted(lambda count: batch.stop() if count == 2 else None)
    batch = batch_of(context_of(parse), photos(tmp_path, 4))
    batch.run()
    assert states(batch) == ["done", "waiting", "waiting", "waiting"] and parse.count == 2
    first = batch.result(1)
    batch.stopping.clear()
    batch.run()
    assert states(batch) == ["done"] * 4 and parse.count == 5 and batch.result(1) is first
    batch.run()
    assert parse.count == 5


def test_more_photos_later_failed_ones_again_and_others_leave(context: Context, tmp_path: Path) -> None:
    files = photos(tmp_path, 3)
    late = tmp_path / "late.png"
    batch = batch_of(context, [files[0], str(late)])
    batch.run()
    assert states(batch) == ["done", "failed"]
    kept, gone = batch.result(1), batch.home / batch.result(1).folder
    Image.new("RGB", (20, 20), "red").save(late)
    batch.take([files[0], str(late), files[1]])
    assert states(batch) == ["done", "waiting", "waiting"]
    batch.run()
    assert states(batch) == ["done"] * 3 and batch.result(1) is kept
    batch.take([files[1], files[1], files[2]])
    assert [(p.name, p.state) for p in batch.photos] == [("room 1.png", "done"), ("room 2.png", "waiting")]
    assert not gone.exists()


def test_photos_outlive_the_uploads_and_leave_no_copies(context: Context, tmp_path: Path) -> None:
    files = photos(tmp_path, 3)
    batch = batch_of(context, files)
    for file in files:  # the browser's uploads are swept
        Path(file).unlink()
    batch.run()
    assert states(batch) == ["done"] * 3
    assert {path.name for path in batch.home.iterdir()} == {photo.result.folder for photo in batch.photos}
    home = batch.home
    del batch
    gc.collect()
    assert not home.exists()


def test_too_many_photos_are_left_out_by_name(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPATIAL_EDIT_MAX_BATCH", "2")
    batch = batch_of(context, photos(tmp_path, 4), fit="letterbox")
    assert len(list(batch.home.iterdir())) == 2  # nothing is kept of the others
    batch.run()
    assert states(batch) == ["done", "done", "failed", "failed"] and "at most 2" in batch.photos[3].reason


def test_a_zip_is_made_again_only_when_there_is_something_new(context: Context, tmp_path: Path) -> None:
    files = photos(tmp_path, 2)
    batch = batch_of(context, files[:1])
    batch.run()
    first = Path(batch.archive())
    made = first.stat().st_ino
    assert batch.archive() == str(first) and first.stat().st_ino == made
    batch.take(files)
    batch.run()
    assert Path(batch.archive()).stat().st_ino != made


def test_fifty_photos_are_not_held_in_memory(context: Context, tmp_path: Path) -> None:
    file = photos(tmp_path, 1)[0]
    files = []
    for place in range(50):
        files.append(str(tmp_path / f"{place}.png"))
        Path(files[-1]).write_bytes(Path(file).read_bytes())
    batch = batch_of(context, files)
    batch.run()
    assert states(batch) == ["done"] * 50
    held = [value for photo in batch.photos for value in vars(photo.result).values()]
    assert all(isinstance(value, str | float | bool | tuple) for value in held)
    assert len(json.dumps(list_value(batch))) < 50 * 400  # sent while the batch runs


def test_options_of_a_batch_are_checked(context: Context, tmp_path: Path) -> None:
    for effort, fit in (("magic", "crop"), ("encode", "stretch")):
        with pytest.raises(ValueError, match="use one of"):
            Batch(context, MODEL, effort, fit)
    with pytest.raises(ValueError, match="no photos"):
        prepare(context, "", None, MODEL, "encode", "crop")
    with pytest.raises(ValueError, match="no model"):
        prepare(context, "", photos(tmp_path, 1), "other", "encode", "crop")


# ---- what is written ----


def test_the_zip_has_pictures_scenes_and_tables(context: Context, tmp_path: Path) -> None:
    broken = tmp_path / "=cmd.png"
    broken.write_bytes(b"no picture")
    batch = batch_of(context, [*photos(tmp_path, 2), str(broken)])
    with pytest.raises(ValueError, match="nothing to save"):
        batch.archive()
    batch.run()
    with zipfile.ZipFile(batch.archive()) as bundle:
        folders = ["001-room-0", "002-room-1"]
        assert sorted(bundle.namelist()) == sorted(
            [f"{folder}/{file}" for folder in folders for file in FILES] + ["photos.csv", "blobs.csv"]
        )
        code = json.loads(bundle.read("002-room-1/scene.json"))["code"]
        table = list(csv.DictReader(io.StringIO(bundle.read("photos.csv").decode())))
        blobs = list(csv.DictReader(io.StringIO(bundle.read("blobs.csv").decode())))
    assert [row["photo"] for row in table] == ["room 0.png", "room 1.png", "'=cmd.png"]
    assert "not an image" in table[2]["error"] and code == batch.result(2).code == table[1]["code"]
    scene = context.new_session().open(code).scene
    assert scene.provenance.kind == "photo" and isinstance(scene.layout, Blobs)
    second = [row for row in blobs if row["photo"] == "room 1.png"]
    assert len(blobs) == 20 and [int(row["number"]) for row in second] == list(scene.layout.ids)
    for k, row in enumerate(second):
        found = [float(row[name]) for name in ("x", "y", "size", "aspect", "angle")]
        layout = scene.layout
        wanted = [
            *layout.centres[k].tolist(),
            *(v[k].item() for v in (layout.sizes, layout.aspects, layout.angles)),
        ]
        assert found == pytest.approx(wanted, abs=1e-5)
    assert second[9]["name"] == "lamp"


def test_the_table_of_boxes_has_their_geometry(tmp_path: Path) -> None:
    boxes = context_of(generator=FakeBoxes())
    batch = batch_of(boxes, photos(tmp_path, 1))
    batch.run()
    layout = boxes.new_session().open(batch.result(1).code).scene.layout
    with zipfile.ZipFile(batch.archive()) as bundle:
        rows = list(csv.DictReader(io.StringIO(bundle.read("blobs.csv").decode())))
    assert [row["name"] for row in rows] == list(layout.classes)
    assert float(rows[0]["width"]) == pytest.approx(2 * layout.halves[0, 0].item(), abs=1e-4)
    assert (float(rows[0]["front_x"]) == 0) != (float(rows[0]["front_z"]) == 0)


def test_a_full_disk_leaves_no_half_zip_and_no_half_result(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    seat = prepare(context, "", photos(tmp_path, 1), MODEL, "encode", "crop")
    batch = seat.batch
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)  # the pictures fit, the scene does not
        batch.run()
    assert states(batch) == ["failed"] and "No space left" in batch.photos[0].reason
    assert [path.name for path in batch.home.iterdir()] == ["photo-1"]  # kept for another try
    prepare(context, seat.token, [batch.photos[0].upload], MODEL, "encode", "crop")
    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "writestr", full)
        *_, last = work(context, seat.token)
    assert "1 photo parsed" in last[1] and "no zip" in last[1] and "No space left" in last[1]
    assert [path.name for path in batch.home.iterdir()] == ["001-room-0"]
    assert Path(batch.archive()).is_file()


def test_names_of_files_are_made_harmless() -> None:
    assert safe_stem("../../évil name.png") == "vil-name"
    assert safe_stem("....") == "photo"
    assert to_csv(["a"], [["=1+1"], ["-1.5"], ["-cmd"], ["+x"], [-2]]) == "a\n'=1+1\n-1.5\n'-cmd\n'+x\n-2\n"


def test_tables_are_joined_line_by_line() -> None:
    one, two = to_csv(["a", "b"], [["x,y", 1], ['"', "=2"]]), to_csv(["a", "b"], [])
    joined = join_tables("photo", [("=p", one), ("q", two), ("r", one)])
    rows = list(csv.reader(io.StringIO(joined)))
    assert rows[0] == ["photo", "a", "b"] and rows[1:3] == [["'=p", "x,y", "1"], ["'=p", '"', "'=2"]]
    assert [row[0] for row in rows[3:]] == ["r", "r"] and join_tables("photo", []) == ""


@pytest.mark.parametrize("value", ["0", "-1", "two", "1e3", "9" * 5000, " 5"])
def test_a_wrong_limit_of_uploads_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert max_batch() == 200
    monkeypatch.setenv("SPATIAL_EDIT_MAX_BATCH", value)
    with pytest.raises(ValueError, match="whole number above 0"):
        max_batch()


# ---- what the tab shows ----


def test_the_tab_shows_the_list_while_it_runs(tmp_path: Path) -> None:
    go = threading.Event()
    context = context_of(Counted(lambda count: go.wait(20)))
    seat = prepare(context, "", photos(tmp_path, 2), MODEL, "encode", "crop")
    screens = work(context, seat.token)
    first = next(screens)
    assert first[0] == seat.token and first[2].value["running"] and not first[3].interactive
    assert [row["state"] for row in first[2].value["photos"]][1] == "waiting"
    go.set()
    *_, last = screens
    assert [row["state"] for row in last[2].value["photos"]] == ["done", "done"]
    assert last[3].interactive and not last[5].visible and Path(last[6].value["path"]).exists()


def test_a_page_that_goes_away_stops_its_batch(tmp_path: Path) -> None:
    go = threading.Event()
    context = context_of(Counted(lambda count: go.wait(20)))
    seat = prepare(context, "", photos(tmp_path, 3), MODEL, "encode", "crop")
    screens = work(context, seat.token)
    next(screens)
    screens.close()
    go.set()
    ended = time.monotonic() + 20
    while seat.batch.running and time.monotonic() < ended:
        time.sleep(0.01)
    assert not seat.batch.running and states(seat.batch).count("waiting") >= 2


def test_after_stop_the_tab_offers_to_resume(context: Context, tmp_path: Path) -> None:
    files = photos(tmp_path, 2)
    seat = prepare(context, "", files, MODEL, "encode", "crop")
    seat.batch.stop()
    *_, last = work(context, seat.token)
    assert "Stopped" in last[1] and "2 wait" in last[1] and last[5].visible
    prepare(context, seat.token, files, MODEL, "encode", "crop")
    *_, last = work(context, seat.token)
    assert "2 photos parsed" in last[1] and not last[5].visible


def test_other_options_make_another_batch_and_the_same_keep_it(context: Context, tmp_path: Path) -> None:
    files = photos(tmp_path, 1)
    seat = prepare(context, "", files, MODEL, "encode", "crop")
    first = seat.batch
    assert prepare(context, seat.token, files, MODEL, "encode", "crop").batch is first
    assert prepare(context, seat.token, files, MODEL, "refine", "crop").batch is not first


def test_visitors_have_their_own_photos(context: Context, tmp_path: Path) -> None:
    one = prepare(context, "", photos(tmp_path, 1), MODEL, "encode", "crop")
    two = prepare(context, "", photos(tmp_path, 2), MODEL, "encode", "crop")
    assert one.token != two.token and one.batch is not two.batch
    list(work(context, two.token))
    assert states(one.batch) == ["waiting"] and states(two.batch) == ["done", "done"]
    *_, last = work(context, "a forged token")
    assert "gone" in last[1] and last[2].value["photos"] == []


def test_what_was_done_to_a_photo_is_said(context: Context, tmp_path: Path) -> None:
    photo = tmp_path / "moving.gif"
    frames = [Image.new("RGB", (20, 20), tint) for tint in ("red", "blue")]
    frames[0].save(photo, save_all=True, append_images=frames[1:])
    batch = batch_of(context, [str(photo)])
    batch.run()
    (row,) = list_value(batch)["photos"]
    assert row["name"] == "moving.gif" and "2 frames: the first one is used" in row["notes"][0]


def test_pictures_are_given_to_whoever_knows_the_batch(context: Context, tmp_path: Path) -> None:
    desk, batch = PhotoDesk(), batch_of(context, photos(tmp_path, 1))
    desk.know(batch)
    batch.run()
    for what, kind in (("pair", "jpeg"), ("original", "jpeg"), ("result", "jpeg"), ("map", "png")):
        data = desk.picture({"batch": batch.secret, "key": 1, "what": what})["data"]
        assert str(data).startswith(f"data:image/{kind};base64,")
    forged = (
        None,
        {"batch": "x", "key": 1, "what": "pair"},
        {"batch": batch.secret, "key": 2, "what": "pair"},
        {"batch": batch.secret, "key": "1", "what": "pair"},
        {"batch": batch.secret, "key": 1, "what": "../scene.json"},
        {"batch": batch.secret, "key": 1, "what": ["pair"]},
    )
    for payload in forged:
        with pytest.raises(ValueError):
            desk.picture(payload)
    secret = batch.secret
    del batch
    gc.collect()
    with pytest.raises(ValueError, match="gone"):
        desk.picture({"batch": secret, "key": 1, "what": "pair"})
