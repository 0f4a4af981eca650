"""Styles of blobs: sources, colours, opacities and backdrops, and that nothing changes without them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.generators.blobgan.appearance import as_colour, as_numbers, slot_weights
from spatial_edit.generators.blobgan.shape import BlobGeometry
from spatial_edit.layouts import Palette, Source


@pytest.fixture(scope="module")
def tiny():
    return BlobGenerator.tiny()


@pytest.fixture
def scene(tiny):
    """A scene of at least three blobs, with the palette of seed 77."""
    found = next(s for s in map(tiny.sample, range(30)) if len(s.layout) >= 3)
    other = tiny.sample(77).latent
    palette = Palette(77, other.rows, other.background)
    return replace(found, latent=replace(found.latent, palettes=(palette,)))


def styled(scene, **fields):
    return replace(scene, layout=replace(scene.layout, **fields))


def on_last(scene, value, otherwise=None):
    return (otherwise,) * (len(scene.layout) - 1) + (value,)


def plain_picture(tiny, scene):
    """The picture as it was drawn before there were styles: rows looked up, slots by number, all present."""
    layout, latent = scene.layout.visible(), scene.latent
    slots = torch.tensor(layout.rows)
    rows = latent.rows[slots]
    geometry = BlobGeometry(
        torch.ones(1, len(layout)),
        *(t[None] for t in (layout.centres, layout.sizes, layout.aspects, layout.angles)),
        rows[None, :, :16],
        latent.background[None, :15].unflatten(1, (5, 3)),
    )
    with torch.no_grad():
        picture = tiny.model.decoder(geometry, rows[None], slots[None], latent.background[None])
    return picture[0].clamp(-1, 1)


def test_without_styles_every_bit_is_as_before(tiny, scene):
    for plain in (scene, *map(tiny.sample, range(5))):
        assert torch.equal(tiny.render(plain), plain_picture(tiny, plain))


def test_styles_without_effect_change_no_bit(tiny, scene):
    idle = styled(
        scene, sources=on_last(scene, Source(77, 2, 0.0)), backdrop=Source(77, 0, 0.0), opacities=()
    )
    assert torch.equal(tiny.render(idle), tiny.render(scene))


def test_a_whole_source_is_the_other_element(tiny, scene):
    row = (scene.layout.rows[-1] + 1) % 6
    restyled = styled(scene, sources=on_last(scene, Source(None, row, 1.0)))
    renamed = styled(scene, rows=(*scene.layout.rows[:-1], row))
    assert (tiny.render(restyled) - tiny.render(renamed)).abs().max() < 1e-5
    assert not torch.equal(tiny.render(restyled), tiny.render(scene))


def test_a_mix_goes_from_one_to_the_other_without_a_jump(tiny, scene):
    row = (scene.layout.rows[-1] + 1) % 6

    def picture(share):
        return tiny.render(styled(scene, sources=on_last(scene, Source(77, row, share))))

    steps = [picture(i / 10) for i in range(11)]
    whole = (steps[-1] - steps[0]).abs().mean()
    assert whole > 1e-3
    for a, b in itertools.pairwise(steps):
        assert (a - b).abs().mean() < 0.4 * whole


def test_slot_weights_sum_to_one(scene):
    mixed = styled(scene, sources=on_last(scene, Source(77, 3, 0.25))).layout
    weights = slot_weights(mixed, scene.latent, 6)
    assert torch.allclose(weights.sum(1), torch.ones(len(mixed)))
    assert weights[-1, 3] == 0.25 if mixed.rows[-1] != 3 else weights[-1, 3] == 1


def test_numbers_of_colours():
    assert as_numbers((0, 255, 51)).tolist() == pytest.approx([-1, 1, -0.6], abs=1e-6)
    for value in range(0, 256, 5):
        assert as_colour(as_numbers((value, 255 - value, 7))) == (value, 255 - value, 7)


def test_a_colour_is_painted_and_told(tiny, scene):
    red = styled(scene, colours=on_last(scene, (255, 0, 0)))
    change = tiny.render(red) - tiny.render(scene)
    inside = tiny.opacities([scene], 32)[0][-1] > 0.9
    assert change[0][inside].mean() > change[2][inside].mean()
    assert tiny.paints(red).elements[-1] == (255, 0, 0)
    assert tiny.paints(red).elements[:-1] == tiny.paints(scene).elements[:-1]


def test_surfaces_are_painted_one_by_one(tiny, scene):
    for k in range(5):
        painted = styled(scene, surfaces=tuple((255, 0, 255) if i == k else None for i in range(5)))
        paints = tiny.paints(painted).surfaces
        assert paints[k] == (255, 0, 255) and not torch.equal(tiny.render(painted), tiny.render(scene))
        assert all(paints[i] == tiny.paints(scene).surfaces[i] for i in range(5) if i != k)


def test_opacity_zero_is_hidden_and_half_is_between(tiny, scene):
    none = styled(scene, opacities=on_last(scene, 0.0, 1.0))
    gone = styled(scene, hidden=on_last(scene, True, False))
    assert (tiny.render(none) - tiny.render(gone)).abs().max() < 1e-5
    half = tiny.opacities([styled(scene, opacities=on_last(scene, 0.5, 1.0))], 32)[0][-1]
    assert torch.equal(half, tiny.opacities([scene], 32)[0][-1] * 0.5)


def test_a_backdrop_of_another_seed(tiny, scene):
    swapped = styled(scene, backdrop=Source(77, 0, 1.0))
    latent = replace(scene.latent, background=scene.latent.palettes[0].background)
    assert torch.equal(tiny.render(swapped), tiny.render(replace(scene, latent=latent)))


def test_a_batch_of_mixed_and_plain_scenes_is_near_one_by_one(tiny, scene):
    mixed = styled(scene, sources=on_last(scene, Source(77, 3, 0.5)), opacities=on_last(scene, 0.3, 1.0))
    scenes = [scene, mixed, tiny.sample(4)]
    for one, picture in zip(scenes, tiny.render_batch(scenes), strict=True):
        assert (tiny.render(one) - picture).abs().max() < 1e-5


def test_errors_name_what_is_missing(tiny, scene):
    with pytest.raises(ValueError, match="seed 78"):
        tiny.render(styled(scene, sources=on_last(scene, Source(78, 0, 1.0))))
    with pytest.raises(ValueError, match="appearance 9"):
        tiny.render(styled(scene, sources=on_last(scene, Source(77, 9, 1.0))))


def test_gradients_reach_a_mixed_appearance(tiny, scene):
    rows = scene.latent.rows.clone().requires_grad_()
    mixed = styled(scene, sources=on_last(scene, Source(77, 3, 0.5)))
    mixed = replace(mixed, latent=replace(mixed.latent, rows=rows))
    geometry, appearance, slots, background = tiny.inputs([mixed])
    tiny.model.decoder(geometry, appearance, slots, background).square().mean().backward()
    assert rows.grad[scene.layout.rows[-1]].abs().max() > 0
