"""Photos into a StyleGAN2: codes for every layer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes
from spatial_edit.images import open_photo, to_png_bytes
from spatial_edit.parse import parse_photo
from spatial_edit.parse.batch import FILES, Item, Options, parse_item
from spatial_edit.parse.delta import DeltaError, check_delta, tunable
from spatial_edit.parse.methods import methods_of


@pytest.fixture(scope="module")
def generator():
    return StyleGAN2Scenes.tiny()


@pytest.fixture(scope="module")
def photo(generator):
    return open_photo(to_png_bytes(generator.render(generator.sample(77))))


def test_shapes(generator, photo):
    parsed = parse_photo(generator, photo, "encode")
    config = generator.model.config
    assert parsed.scene.latent.rows.shape == (generator.model.synthesis.num_codes, config.w_dim)
    assert parsed.scene.provenance.kind == "photo" and parsed.scene.provenance.photo == photo.sha256
    assert parsed.scene.layout.kind == "" and parsed.scene.latent.seed == 0
    assert torch.equal(parsed.reconstruction, generator.render(parsed.scene))


def test_the_first_code_is_the_nearest_of_those_tried(generator, photo):
    """A picture of seed 3's code, drawn with the noise of seed 0, is found again."""
    z, _ = generator.model.latents_of_seeds([3])
    w = torch.lerp(generator.mapped(z), generator.mean_code()[None], 0.3)
    picture = generator.paint(generator.repeated(w))[0]
    parsed = parse_photo(generator, open_photo(to_png_bytes(picture.clamp(-1, 1))), "encode")
    assert torch.allclose(parsed.scene.latent.rows, w.expand_as(parsed.scene.latent.rows), atol=1e-5)
    assert parsed.psnr > 45


def test_search_comes_closer(generator, photo):
    first = parse_photo(generator, photo, "encode").psnr
    refined = parse_photo(generator, photo, "refine", steps=60)
    assert refined.psnr > first + 3
    rows = refined.scene.latent.rows
    assert (rows - rows.mean(0)).abs().max() > 1e-3, "every layer has its own code"


def test_tuning_comes_closer_still_and_holds_others(generator, photo):
    refined = parse_photo(generator, photo, "refine", steps=24)
    tuned = parse_photo(generator, photo, "tune", steps=60)
    assert tuned.psnr > refined.psnr
    assert {name for name, _ in tuned.scene.delta} == set(tunable(generator))
    other = generator.sample(123)
    bent = generator.render(replace(other, delta=tuned.scene.delta))
    assert (bent - generator.render(other)).abs().mean() < 0.25


def test_a_batch_writes_the_same_files(generator, tmp_path):
    item = Item("a.png", to_png_bytes(generator.render(generator.sample(7))))
    result = parse_item(generator, item, Options("encode"), tmp_path)
    assert {path.name for path in result.folder.iterdir()} == set(FILES)
    assert len((result.folder / "blobs.csv").read_text().splitlines()) == 1


def test_determinism(generator, photo):
    a, b = (parse_photo(generator, photo, "refine", steps=8) for _ in range(2))
    assert a.scene.latent.same(b.scene.latent)


def test_seed_scenes_draw_as_before(generator):
    """Mapping, truncation and noise in one pass of the network are what the scene's picture is."""
    scene = generator.sample(5, 0.4)
    z, noise = generator.model.latents_of_seeds([5])
    with torch.no_grad():
        assert torch.equal(generator.render(scene), generator.model(z, noise, 0.4)[0].clamp(-1, 1))


def test_scenes_of_several_kinds_are_drawn_together(generator, photo):
    scenes = [generator.sample(1), generator.sample(2, 0.5), parse_photo(generator, photo, "encode").scene]
    together = generator.render_batch(scenes)
    for one, scene in zip(together, scenes, strict=True):
        assert (one - generator.render(scene)).abs().max() < 1e-5


def test_errors(generator, photo):
    scene = parse_photo(generator, photo, "encode").scene
    wrong = replace(scene, latent=replace(scene.latent, rows=scene.latent.rows[:-1]))
    with pytest.raises(ValueError, match="parse the photo or drag the points again"):
        generator.render(wrong)
    seeded = generator.sample(1)
    with pytest.raises(ValueError, match="again from its seed"):
        generator.render(replace(seeded, latent=replace(seeded.latent, rows=torch.zeros(2, 3))))
    with pytest.raises(ValueError, match="made for the model"):
        generator.render(BlobGenerator.tiny().sample(1))
    with pytest.raises(DeltaError, match="may not change"):
        check_delta(generator, (("const", torch.zeros(1, dtype=torch.float16)),))

    class Other:
        spec = replace(generator.spec, name="other")

    with pytest.raises(ValueError, match="cannot be parsed with the model 'other'"):
        methods_of(Other())
