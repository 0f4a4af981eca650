"""Photos into a published BlobGAN: with an encoder, without one, by optimisation, and adapted."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch

from spatial_edit.checkpoints import save
from spatial_edit.generators.blobgan.published_files import encoder_config
from spatial_edit.generators.blobgan.published_scenes import PublishedScenes
from spatial_edit.images import open_photo, to_png_bytes
from spatial_edit.layouts.codec import scene_from_bytes, scene_from_json, scene_to_bytes, scene_to_json
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.parse import parse_photo, published
from spatial_edit.parse.batch import Item, Options, parse_item
from spatial_edit.parse.delta import DeltaError, bytes_of, check_delta, tunable
from spatial_edit.parse.published import first_blobs
from spatial_edit.parse.target import Target
from spatial_edit.session import Session
from spatial_edit.store import Store


@pytest.fixture(scope="module")
def tiny() -> PublishedScenes:
    return PublishedScenes.tiny()


@pytest.fixture(scope="module")
def with_encoder(tiny, tmp_path_factory) -> PublishedScenes:
    """The same with an encoder of random weights."""
    folder = tmp_path_factory.mktemp("encoder")
    channels, outputs = {4: 4, 8: 4, 16: 4, 32: 4}, tiny.model.layout_net.outputs
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = Discriminator(32, channels, group=0, outputs=outputs)
    save(folder, encoder, encoder_config(32, channels, outputs), dtype=torch.float32)
    return PublishedScenes(PublishedScenes.tiny().model, tiny.spec, tiny.weights, encoder=folder)


@pytest.fixture(scope="module")
def photo(tiny):
    return open_photo(io.BytesIO(to_png_bytes(tiny.render(tiny.sample(100)))).read())


def test_without_an_encoder_encode_says_what_to_do(tiny, photo):
    with pytest.raises(ValueError, match=r"has no encoder: .*--onto published-tiny.*effort refine"):
        parse_photo(tiny, photo, "encode")


def test_encode_is_the_encoders_layout(with_encoder, photo):
    parsed = parse_photo(with_encoder, photo, "encode")
    assert parsed.scene.layout.kind == "blobs" and parsed.scene.provenance.effort == "encode"
    assert torch.equal(parsed.reconstruction, with_encoder.render(parsed.scene))
    again = parse_photo(with_encoder, photo, "encode")
    assert again.scene.layout.same(parsed.scene.layout) and again.scene.latent.same(parsed.scene.latent)


def test_refine_without_an_encoder_comes_closer_and_repeats(tiny, photo):
    start = first_blobs(tiny, Target.of(photo, 32))
    first = parse_photo(tiny, photo, "refine", steps=0)
    assert first.steps == 0 and first.scene.layout.same(start.layout)
    parsed = parse_photo(tiny, photo, "refine", steps=60)
    assert parsed.steps == 60 and parsed.psnr > first.psnr + 3
    again = parse_photo(tiny, photo, "refine", steps=60)
    assert again.scene.layout.same(parsed.scene.layout) and again.scene.latent.same(parsed.scene.latent)
    assert (parsed.scene.latent.seed, parsed.scene.latent.truncation) == (0, 0.0)
    back = scene_from_bytes(scene_to_bytes(parsed.scene))
    assert torch.equal(tiny.render(back), parsed.reconstruction)


def test_the_nearest_start_is_taken(tiny):
    mean = tiny.sample(0, 1.0)
    target = Target.of(open_photo(to_png_bytes(tiny.render(mean))), 32)
    assert first_blobs(tiny, target).layout.same(mean.layout)


def test_refine_begins_with_the_encoder(with_encoder, photo):
    first = parse_photo(with_encoder, photo, "encode")
    parsed = parse_photo(with_encoder, photo, "refine", steps=25)
    assert parsed.scene.layout.rows == first.scene.layout.rows and parsed.psnr > first.psnr


def test_refine_is_told_to_stop_and_keeps_the_best(tiny, photo):
    asked = []
    watching = {"keep_going": lambda: len(asked) < 5, "progress": asked.append}
    parsed = parse_photo(tiny, photo, "refine", steps=50, **watching)
    assert parsed.steps < 10 and any("stopped early" in note for note in parsed.notes)
    assert parsed.psnr >= parse_photo(tiny, photo, "refine", steps=0).psnr


def test_refine_that_goes_astray_keeps_what_it_began_with(tiny, photo, monkeypatch):
    monkeypatch.setattr(published, "RATES", dict.fromkeys(published.RATES, 5.0))
    first = parse_photo(tiny, photo, "refine", steps=0)
    astray = parse_photo(tiny, photo, "refine", steps=4)
    assert astray.steps == 4 and astray.psnr >= first.psnr


def test_tune_travels_as_a_delta_that_is_checked(tiny, photo):
    refined = parse_photo(tiny, photo, "refine", steps=12)
    tuned = parse_photo(tiny, photo, "tune", steps=30)
    assert tuned.scene.delta and bytes_of(tuned.scene.delta) <= 1_000_000
    assert {name for name, _ in tuned.scene.delta} == set(tunable(tiny))
    assert tuned.psnr > refined.psnr
    for write, read in ((scene_to_bytes, scene_from_bytes), (scene_to_json, scene_from_json)):
        assert torch.equal(tiny.render(read(write(tuned.scene))), tuned.reconstruction)
    plain = replace(tuned.scene, delta=())
    assert not torch.equal(tiny.render(plain), tuned.reconstruction)
    with pytest.raises(DeltaError, match="may not change"):
        check_delta(tiny, (("conv1.conv.weight", torch.zeros(1, dtype=torch.float16)),))


def test_a_parsed_photo_is_stored_edited_and_opened_again(tiny, photo):
    parsed = parse_photo(tiny, photo, "refine", steps=10)
    store = Store()
    session = Session(lambda name: tiny, store, names=lambda number: tiny.spec.name)
    frame = session.adopt(parsed.scene)
    edited = session.edit({"op": "move", "target": frame.scene.layout.ids[-1], "dx": 0.1, "dy": 0.0})
    opened = Session(lambda name: tiny, store, names=lambda number: tiny.spec.name).open(edited.code)
    assert torch.equal(opened.image, edited.image) and not torch.equal(edited.image, frame.image)


def test_batch_files(with_encoder, photo, tmp_path):
    data = to_png_bytes(with_encoder.render(with_encoder.sample(100)))
    result = parse_item(with_encoder, Item("room.png", data), Options("encode"), tmp_path)
    lines = (result.folder / "blobs.csv").read_text().splitlines()
    assert len(lines) > 1 and "red" not in lines[0]
    assert parse_item(with_encoder, Item("room.png", data), Options("encode"), tmp_path).resumed
