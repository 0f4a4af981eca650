"""Photos into a SpatialGAN: the encoder's reading or the nearest seed, then codes, frame and centres."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spatial_edit.checkpoints import CheckpointError, save
from spatial_edit.generators.spatialgan.encoder import (
    FOLDER_NAME,
    EncoderConfig,
    PhotoEncoder,
    build_encoder,
    encoder_to_json,
)
from spatial_edit.generators.spatialgan.prior import Framed
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.images import open_photo, to_png_bytes
from spatial_edit.layouts.codec import scene_from_json, scene_to_json
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.parse import parse_photo
from spatial_edit.parse.batch import FILES, Item, Options, parse_item, parsing_weights
from spatial_edit.parse.delta import check_delta, tunable
from spatial_edit.parse.spatialgan import _Search, own_encoder

POINTS = (((0.5, 0.5),), ((0.3, 0.4), (0.7, 0.4)), ((0.2, 0.2), (0.8, 0.2), (0.5, 0.7), (0.5, 0.9)))


@pytest.fixture(scope="module", params=[False, True], ids=["hierarchy", "objects"])
def generator(request):
    return SpatialGANScenes.tiny(objects=request.param)


@pytest.fixture(scope="module")
def photo(generator):
    return open_photo(to_png_bytes(generator.render(generator.sample(777))))


@pytest.fixture
def with_encoder(tmp_path: Path) -> SpatialGANScenes:
    """A hierarchy with an encoder in its folder that always reads the same."""
    generator = SpatialGANScenes.tiny()
    config = replace(generator.model.config, prior=Framed(POINTS, (0.25, 0.1, 0.05)))
    generator.model.config = config
    generator.model.points_mean, generator.model.points_factor = torch.zeros(14), torch.zeros(14, 14)
    generator.spec = replace(generator.spec, folder=tmp_path)
    encoder = PhotoEncoder(EncoderConfig(config.z_dim, 7, 32, 16))
    with torch.no_grad():
        encoder.head.weight.zero_()
        encoder.head.bias[: config.z_dim] = torch.linspace(-1, 1, config.z_dim)
        encoder.head.bias[config.z_dim : -1] = torch.linspace(-0.3, 0.3, 14)
        encoder.head.bias[-1] = torch.tensor(1.3).log()
    save(tmp_path / FOLDER_NAME, encoder, encoder_to_json(encoder.config), torch.float32)
    return generator


def test_shapes(generator, photo):
    parsed = parse_photo(generator, photo, "encode")
    config, count = generator.model.config, generator.model.synthesis.num_codes
    wanted = count + 3 if config.indoor else count
    assert parsed.scene.latent.rows.shape == (wanted, config.w_dim)
    assert parsed.scene.latent.background.shape == (0,) and parsed.scene.latent.seed == 0
    assert parsed.scene.provenance.kind == "photo" and parsed.scene.provenance.photo == photo.sha256
    assert torch.equal(parsed.reconstruction, generator.render(parsed.scene))
    again = scene_from_json(scene_to_json(parsed.scene))
    assert torch.equal(generator.render(again), parsed.reconstruction)


def test_the_nearest_of_the_seeds_is_found_again(generator):
    """A picture of seed 3's scene, but with the noise of seed 0."""
    inputs = generator.inputs([generator.sample(3)])
    noise = generator.noise_of(generator.sample(0))
    with torch.no_grad():
        picture = generator.model.synthesis(inputs.codes, inputs.levels, noise, inputs.objects)[0]
    parsed = parse_photo(generator, open_photo(to_png_bytes(picture.clamp(-1, 1))), "encode")
    assert parsed.psnr > 45
    assert torch.allclose(parsed.scene.latent.rows[: inputs.codes.shape[1]], inputs.codes[0], atol=1e-5)
    assert torch.allclose(parsed.scene.layout.centres, generator.sample(3).layout.centres, atol=1e-5)


def test_search_comes_closer(generator, photo):
    first = parse_photo(generator, photo, "encode")
    refined = parse_photo(generator, photo, "refine", steps=40)
    assert refined.psnr > first.psnr + 1
    rows = refined.scene.latent.rows[: generator.model.synthesis.num_codes]
    assert (rows - rows.mean(0)).abs().max() > 1e-3, "every layer has its own code"
    moved = refined.scene.layout.centres - first.scene.layout.centres
    shown = [not hidden for hidden in first.scene.layout.hidden]
    assert moved.norm(dim=1)[shown].min() > 1e-4, "every centre goes its own way"


def test_tuning_comes_closer_still(generator, photo):
    refined = parse_photo(generator, photo, "refine", steps=16)
    tuned = parse_photo(generator, photo, "tune", steps=40)
    assert tuned.psnr > refined.psnr
    assert {name for name, _ in tuned.scene.delta} == set(tunable(generator))
    check_delta(generator, tuned.scene.delta)
    other = generator.sample(123)
    bent = generator.render(replace(other, delta=tuned.scene.delta))
    assert (bent - generator.render(other)).abs().mean() < 0.25


def test_determinism(generator, photo):
    a, b = (parse_photo(generator, photo, "refine", steps=6) for _ in range(2))
    assert a.scene.latent.same(b.scene.latent) and torch.equal(a.scene.layout.centres, b.scene.layout.centres)


def test_gradients_reach_the_frame_and_the_centres_of_a_hierarchy():
    generator = SpatialGANScenes.tiny()
    scene = parse_photo(
        generator, open_photo(to_png_bytes(generator.render(generator.sample(5)))), "encode"
    ).scene
    search = _Search(generator, scene)
    search.draw(1.0).square().mean().backward()
    for values in (search.shared, search.own, search.frame, search.offsets):
        assert values.grad is not None and values.grad.abs().max() > 0
    with torch.no_grad():
        search.frame[:] = torch.tensor([0.1, -0.05, 0.2])
    moved, given = search.scene().layout, scene.layout
    shifted = moved.centres.mean(0) - given.centres.mean(0)
    assert torch.allclose(shifted, torch.tensor([0.1, -0.05]), atol=1e-5)
    assert torch.allclose(moved.sigmas, given.sigmas * torch.tensor(0.2).exp(), atol=1e-5)
    apart = [(c[0, 0] - c[0, 2]).norm() for c in (moved.centres[None], given.centres[None])]
    assert float(apart[0] / apart[1]) == pytest.approx(float(torch.tensor(0.2).exp()), abs=1e-4)


def test_objects_have_no_frame():
    generator = SpatialGANScenes.tiny(objects=True)
    scene = parse_photo(
        generator, open_photo(to_png_bytes(generator.render(generator.sample(5)))), "encode"
    ).scene
    search = _Search(generator, scene)
    given = [p for group in search.groups() for p in group["params"]]
    assert any(p is search.objects for p in given) and not any(p is search.frame for p in given)


def test_numbers_the_encoder_is_believed(with_encoder):
    generator = with_encoder
    photo = open_photo(to_png_bytes(torch.zeros(3, 32, 32)))
    scene = parse_photo(generator, photo, "encode").scene
    assert isinstance(scene.layout, Heatmaps)
    assert torch.allclose(scene.layout.centres.flatten(), 0.5 + torch.linspace(-0.3, 0.3, 14), atol=1e-5)
    assert scene.layout.sigmas.tolist() == pytest.approx([1.3 * s for s in [0.25] + [0.1] * 2 + [0.05] * 4])
    z = torch.linspace(-1, 1, generator.model.config.z_dim)[None]
    code = generator.model.codes(z, generator.levels_of(scene))
    assert torch.allclose(scene.latent.rows, code.expand_as(scene.latent.rows), atol=1e-5)
    assert parsing_weights(generator).startswith(f"{generator.weights}+")


def test_usual_centres_are_tried_where_the_prior_has_some(with_encoder, tmp_path):
    generator = with_encoder
    generator.spec = replace(generator.spec, folder=tmp_path / "none")
    assert own_encoder(generator) is None and parsing_weights(generator) == generator.weights
    scene = generator.sample(4)
    usual = torch.tensor([p for level in POINTS for p in level])
    sigmas = torch.tensor([0.25] + [0.1] * 2 + [0.05] * 4)
    upright = replace(scene, layout=replace(scene.layout, centres=usual, sigmas=sigmas))
    parsed = parse_photo(generator, open_photo(to_png_bytes(generator.render(upright))), "encode")
    assert torch.allclose(parsed.scene.layout.centres, usual)


def test_errors_of_an_encoder(with_encoder, tmp_path):
    config = encoder_to_json(EncoderConfig(with_encoder.model.config.z_dim, 7, 32, 16))
    photo = open_photo(to_png_bytes(torch.zeros(3, 32, 32)))
    for wrong in ({"kind": "other"}, {"width": 7}, {"resolution": 33}, {"z_dim": True}, {"centres": 10**9}):
        with pytest.raises(ValueError):
            build_encoder(config | wrong)
    stranger = PhotoEncoder(EncoderConfig(3, 7, 32, 16))
    save(tmp_path / FOLDER_NAME, stranger, encoder_to_json(stranger.config))
    with pytest.raises(ValueError, match="belongs to another model"):
        parse_photo(with_encoder, photo, "encode")
    file = tmp_path / FOLDER_NAME / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(CheckpointError):
        parse_photo(with_encoder, photo, "encode")


def test_a_batch_writes_a_heatmap_and_its_table(generator, tmp_path):
    item = Item("a.png", to_png_bytes(generator.render(generator.sample(7))))
    result = parse_item(generator, item, Options("encode"), tmp_path)
    assert {path.name for path in result.folder.iterdir()} == set(FILES)
    rows = list(csv.DictReader(io.StringIO((result.folder / "blobs.csv").read_text(encoding="utf-8"))))
    scene = scene_from_json((result.folder / "scene.json").read_text(encoding="utf-8"))
    assert len(rows) == len(scene.layout)
    assert [float(row["x"]) for row in rows] == pytest.approx(scene.layout.centres[:, 0].tolist(), abs=1e-4)
    assert [int(row["level"]) for row in rows] == list(scene.layout.levels)
