"""Photo to room: reader, efforts, files, errors. The generator is tiny, the reader the bundled one."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from spatial_edit.checkpoints import CheckpointError
from spatial_edit.generators.box3d import reader as reader_module
from spatial_edit.generators.box3d.reader import ReaderConfig, RoomReader, load_reader
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.box3d.vector import LENGTH
from spatial_edit.images import Photo, open_photo, to_png_bytes
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.codec import scene_from_json, scene_to_json
from spatial_edit.parse import parse_photo
from spatial_edit.parse.batch import FILES, Item, Options, parse_item
from spatial_edit.parse.box3d_appearance import match_colours
from spatial_edit.parse.box3d_geometry import Evidence, search
from spatial_edit.parse.box3d_labels import label_maps
from spatial_edit.parse.box3d_pose import FIRST, Pose
from spatial_edit.parse.delta import MAX_BYTES, bytes_of, check_delta
from spatial_edit.parse.target import Target
from spatial_edit.session import Session, parse_upload
from spatial_edit.store import Store


@pytest.fixture(scope="module")
def generator() -> Box3DGenerator:
    return Box3DGenerator.tiny()


@pytest.fixture(scope="module")
def photo(generator: Box3DGenerator) -> Photo:
    return open_photo(to_png_bytes(generator.render(generator.sample(3))))


def boxes(scene: Scene) -> Boxes3D:
    assert isinstance(scene.layout, Boxes3D)
    return scene.layout


def test_smoke_encode(generator: Box3DGenerator, photo: Photo) -> None:
    parsed = parse_photo(generator, photo, "encode")
    layout, latent = boxes(parsed.scene), parsed.scene.latent
    assert parsed.scene.provenance.kind == "photo" and parsed.scene.provenance.effort == "encode"
    assert parsed.scene.provenance.photo == photo.sha256
    assert (latent.seed, latent.truncation) == (0, 0.0)
    assert torch.equal(parsed.reconstruction, generator.render(parsed.scene))
    assert len(layout) == len(set(layout.rows)) and all(row < 26 for row in layout.rows)
    assert torch.equal(latent.rows[26:], generator.model.bank[..., : latent.rows.shape[1]].flatten(0, 1))


def test_the_scene_survives_json(generator: Box3DGenerator, photo: Photo) -> None:
    parsed = parse_photo(generator, photo, "encode")
    back = scene_from_json(scene_to_json(parsed.scene))
    assert torch.equal(generator.render(back), parsed.reconstruction)


@pytest.mark.parametrize("effort", ["refine", "tune"])
def test_more_effort_is_never_worse_and_repeatable(
    generator: Box3DGenerator, photo: Photo, effort: str
) -> None:
    first = parse_photo(generator, photo, "encode")
    shares: list[float] = []
    runs = [parse_photo(generator, photo, effort, steps=8, progress=shares.append) for _ in range(2)]
    assert runs[0].psnr >= first.psnr
    assert torch.equal(runs[0].reconstruction, runs[1].reconstruction)
    assert runs[0].steps <= 8
    assert shares[-1] == 1.0 and all(0 <= share <= 1 for share in shares)


def test_it_stops_when_asked(generator: Box3DGenerator, photo: Photo) -> None:
    asked = iter([True, True])
    parsed = parse_photo(generator, photo, "refine", steps=50, keep_going=lambda: next(asked, False))
    assert parsed.steps <= 2
    assert "stopped early: this is the best scene so far" in parsed.notes


def test_no_time_at_all_gives_the_reading(generator: Box3DGenerator, photo: Photo) -> None:
    read, refined = (parse_photo(generator, photo, effort, seconds=0) for effort in ("encode", "refine"))
    assert torch.equal(read.reconstruction, refined.reconstruction)


def test_margins_do_not_count(generator: Box3DGenerator) -> None:
    wide = open_photo(to_png_bytes(Image.new("RGB", (80, 40), (150, 110, 90))))
    parsed = parse_photo(generator, wide, "encode", fit="letterbox")
    assert parsed.target.mask.mean() < 0.6
    assert parsed.psnr > 5


def test_matched_colours_are_nearer(generator: Box3DGenerator) -> None:
    scene = generator.sample(3)
    photo = open_photo(to_png_bytes(generator.render(scene)))
    target = Target.of(photo, generator.spec.resolution)
    wrong = replace(boxes(scene), surfaces=boxes(scene).surfaces.flip(1) * 0.6)
    grey = replace(scene, layout=wrong)
    before, after = (
        float(target.squared_error(generator.render(s)[None]))
        for s in (grey, match_colours(generator, grey, target))
    )
    assert after < 0.7 * before


def test_the_search_undoes_a_turn_of_the_camera(generator: Box3DGenerator) -> None:
    scene = generator.sample(3)
    target = Target.of(open_photo(to_png_bytes(generator.render(scene))), generator.spec.resolution)
    pose, evidence = Pose(generator, scene), Evidence.of(load_reader(), target)
    shown = label_maps(pose.rooms(pose.start[None]), evidence.side)[0]
    channels = torch.tensor([*range(26, 31), *pose.layout.rows])[shown]
    says = torch.full_like(evidence.says, -4.0).scatter(0, channels[None], 0.0)  # as a reader without faults
    turned = pose.start.clone()
    turned[6] += 0.08  # yaw
    start = Pose(generator, pose.scene_at(turned))
    found = search(start, replace(evidence, says=says), lambda: True)
    agree = [
        float((label_maps(start.rooms(vector[None]), evidence.side)[0] == shown).float().mean())
        for vector in (start.start, found)
    ]
    assert found.shape == (FIRST + 6 * len(pose.layout),)
    assert 1 - agree[1] < 0.5 * (1 - agree[0]), agree


def test_results_of_a_batch(generator: Box3DGenerator, photo: Photo, tmp_path: Path) -> None:
    item = Item("room.png", to_png_bytes(photo.image))
    result = parse_item(generator, item, Options("encode"), tmp_path)
    assert all((result.folder / name).is_file() for name in FILES)
    scene = scene_from_json((result.folder / "scene.json").read_text())
    table = list(csv.DictReader(io.StringIO((result.folder / "blobs.csv").read_text())))
    assert [row["class"] for row in table] == list(boxes(scene).classes)
    with Image.open(result.folder / "blob_map.png") as drawn:
        assert drawn.size == (256, 256) and len(drawn.getcolors(65536) or []) > 3


def test_shapes_of_the_reader() -> None:
    torch.manual_seed(0)
    reader = RoomReader(ReaderConfig(50, token=32, layers=1))
    found = reader(torch.zeros(2, 3, 64, 64))
    assert found.raw.shape == (2, 50) and found.masks.shape == (2, 31, 32, 32)
    assert reader(torch.zeros(1, 3, 96, 96)).masks.shape == (1, 31, 32, 32)
    assert reader.vectors(torch.zeros(1, 3, 64, 64)).shape == (1, LENGTH)
    with pytest.raises(ValueError, match="takes pictures"):
        reader(torch.zeros(3, 64, 64))


def test_other_configurations_are_refused() -> None:
    with pytest.raises(ValueError, match="not a reader"):
        ReaderConfig.from_dict({"kind": "segmenter"})
    with pytest.raises(ValueError, match="incomplete"):
        ReaderConfig.from_dict({"kind": "box3d reader"})


def test_without_the_reader(
    generator: Box3DGenerator, photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_loaded", {})
    monkeypatch.setattr("spatial_edit.generators.registry.CHECKPOINTS", tmp_path)
    with pytest.raises(CheckpointError):
        parse_photo(generator, photo, "encode")


def test_an_unknown_effort(generator: Box3DGenerator, photo: Photo) -> None:
    with pytest.raises(ValueError, match="there is no effort"):
        parse_photo(generator, photo, "guess")


def test_a_room_without_furniture_is_said(
    generator: Box3DGenerator, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = RoomReader.read

    def empty(self: RoomReader, images: torch.Tensor):
        rooms = read(self, images)
        return rooms._replace(exists=torch.zeros_like(rooms.exists))

    monkeypatch.setattr(RoomReader, "read", empty)
    monkeypatch.setattr("spatial_edit.parse.box3d_presence.DOUBT", 2.0)  # nothing is tried
    for effort in ("encode", "refine"):
        parsed = parse_photo(generator, photo, effort, steps=4)
        assert len(parsed.scene.layout) == 0
        assert any("empty room" in note for note in parsed.notes)


def test_an_upload_becomes_a_room_that_opens_again_and_can_be_edited(
    generator: Box3DGenerator, photo: Photo
) -> None:
    store = Store()
    done = parse_upload(lambda name: generator, store, to_png_bytes(photo.image), "box3d-tiny", "encode")
    assert done.frame.code.startswith("s:")
    session = Session(lambda name: generator, store, names=lambda number: "box3d-tiny")
    again = session.open(done.frame.code)
    assert torch.equal(again.image, done.frame.image)
    layout = boxes(again.scene)
    edited = session.edit({"op": "remove", "target": layout.ids[0]})
    assert len(boxes(edited.scene)) < len(layout)
    assert torch.equal(Session(lambda name: generator, store).open(edited.code).image, edited.image)


def test_adapted_weights_of_a_room_travel(generator: Box3DGenerator, photo: Photo) -> None:
    parsed = parse_photo(generator, photo, "tune", steps=10)
    assert parsed.scene.delta and 0 < bytes_of(parsed.scene.delta) <= MAX_BYTES
    check_delta(generator, parsed.scene.delta)
    back = scene_from_json(scene_to_json(parsed.scene))
    assert torch.equal(generator.render(back), parsed.reconstruction)
