"""Edits of a published BlobGAN's scenes against recorded ones: what a drag does is what the paper does."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from spatial_edit.edits import apply, parse_edit
from spatial_edit.generators.blobgan.geometry import size_of_score
from spatial_edit.generators.blobgan.layout_network import RawLayout
from spatial_edit.generators.blobgan.published import PublishedConfig
from spatial_edit.generators.blobgan.published_files import MeanedBlobGAN
from spatial_edit.generators.blobgan.published_scenes import PublishedScenes
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts import Scene

DATA = Path(__file__).resolve().parents[1] / "data" / "parity" / "blobgan"
SMALL = PublishedConfig(
    resolution=64, blobs=6, noise_dim=48, feature_dim=32, style_dim=24, hidden_dim=64, c_model=4
)
SPEC = ModelSpec("small", 246, "blobgan-published", "Small", "blobs", 64, "MIT", "none", None)


@pytest.fixture(scope="module")
def recorded():
    return load_file(DATA / "edits.safetensors")


@pytest.fixture(scope="module")
def vectors():
    return load_file(DATA / "generator_64.safetensors")


@pytest.fixture(scope="module")
def generator(vectors):
    model = MeanedBlobGAN(SMALL)
    weights = {n: t for n, t in vectors.items() if n.startswith(("generator.", "layout_net."))}
    model.load_state_dict(weights | {"mean": torch.zeros(1, 64)}, strict=True)
    return PublishedScenes(model, SPEC, "0" * 16)


@pytest.fixture
def scene(generator, vectors) -> Scene:
    """The first recorded picture as a scene."""
    net = generator.model.layout_net
    with torch.no_grad():
        raw: RawLayout = net.parse(net(vectors["in.z"][:1]))
    assert int((raw.scores[0, 1:] > -5.65).sum()) == 6
    return generator.scene_of(raw, 0, 0.0)


def edited(scene: Scene, *edits: dict) -> Scene:
    layout = scene.layout
    for edit in edits:
        layout = apply(layout, parse_edit(edit, "blobs"))
    return replace(scene, layout=layout)


def given(recorded, edit, name):
    return recorded[f"in.{edit}.{name}"][0]


def alphas(generator, scene):
    with torch.no_grad():
        return generator.inputs([scene])[1][16]


def picture(generator, scene, vectors):
    grid, levels, styles, _ = generator.inputs([scene])
    noise = [vectors[f"in.noise_{i}"][:1] for i in range(5)]
    with torch.no_grad():
        return generator.model.generator(grid, levels, styles, noise)


def steps_of(recorded, edit, scene) -> list[dict]:
    """The edits here that should do what was recorded as `edit`."""
    change = {n: given(recorded, edit, n) for n in ("xs", "ys", "sizes", "covs")}
    own = {n: given(recorded, "identity", n) for n in change}
    if edit == "move_blob2":
        dx, dy = (float(change[n][2] - own[n][2]) for n in ("xs", "ys"))
        return [{"op": "move", "target": 2, "dx": dx, "dy": dy}]
    if edit == "enlarge_blob1":
        old, new = (size_of_score(n["sizes"][2], 0.02) for n in (own, change))
        return [{"op": "resize", "target": 1, "factor": float(new / old)}]
    if edit == "rotate_blob2":
        turn = [_axis(n["covs"][2]) for n in (own, change)]
        return [{"op": "rotate", "target": 2, "angle": turn[1] - turn[0]}]
    if edit == "clone_blob2":
        dx, dy = float(change["xs"][6] - own["xs"][2]), float(change["ys"][6] - own["ys"][2])
        clone = {"op": "clone", "target": 2, "dx": dx, "dy": dy}
        return [clone, {"op": "reorder", "target": 6, "to": 6}]
    assert edit == "reorder_depth"
    order = [int((own["xs"] == x).nonzero()[0]) for x in change["xs"]]
    return [{"op": "reorder", "target": blob, "to": place} for place, blob in enumerate(order)]


def _axis(covariance: torch.Tensor) -> float:
    """The angle of the longer axis, counter-clockwise as seen."""
    xx, xy, yy = (float(covariance[i]) for i in ((0, 0), (0, 1), (1, 1)))
    return -math.atan2(2 * xy, xx - yy) / 2


@pytest.mark.parametrize(
    "edit", ["move_blob2", "enlarge_blob1", "rotate_blob2", "clone_blob2", "reorder_depth"]
)
def test_numbers_edits_are_the_published_ones(generator, recorded, vectors, scene, edit):
    after = edited(scene, *steps_of(recorded, edit, scene))
    assert (alphas(generator, after) - recorded[f"out.{edit}.alpha_16"]).abs().max() < 2e-5
    got = picture(generator, after, vectors)
    assert (got - recorded[f"out.{edit}.image"]).abs().max() < 2e-4
    assert (got - recorded["out.identity.image"]).abs().max() > 1e-2


def test_numbers_an_unedited_scene_and_a_removed_blob(generator, recorded, vectors, scene):
    got = picture(generator, scene, vectors)
    assert (got - recorded["out.identity.image"]).abs().max() < 1e-4
    gone = picture(generator, edited(scene, {"op": "remove", "target": 3}), vectors)
    # removed there means a score of -8: a 3000th of it is left
    assert (gone - recorded["out.remove_blob3.image"]).abs().max() < 5e-3


def test_numbers_another_scenes_background(generator, recorded, vectors, scene):
    one = given(recorded, "background_from_scene1", "features")[0]
    style = given(recorded, "background_from_scene1", "spatial_style")[0]
    other = replace(scene, latent=replace(scene.latent, background=torch.cat([one, style])))
    got = picture(generator, other, vectors)
    assert (got - recorded["out.background_from_scene1.image"]).abs().max() < 1e-4


def test_numbers_another_scenes_styles(generator, recorded, vectors, scene):
    styles = given(recorded, "style_swap_all_from_scene1", "spatial_style")
    rows = torch.cat([scene.latent.rows[:, :32], styles[1:]], 1)
    background = torch.cat([scene.latent.background[:32], styles[0]])
    other = replace(scene, latent=replace(scene.latent, rows=rows, background=background))
    got = picture(generator, other, vectors)
    assert (got - recorded["out.style_swap_all_from_scene1.image"]).abs().max() < 1e-4
