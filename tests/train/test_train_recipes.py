"""Toy recipes from end to end at fixed seeds: the loss falls, a blob carries what it shows; errors."""

from __future__ import annotations

import dataclasses
import json
import time

import pytest
import torch

from spatial_edit.checkpoints import read_config
from spatial_edit.data.rooms.blob_truth import SLOT_NAMES
from spatial_edit.data.rooms.pool import cached_pool
from spatial_edit.generators.blobgan.published import PublishedConfig, discriminator_widths
from spatial_edit.generators.blobgan.renderer import load_blob_generator
from spatial_edit.generators.blobgan.rooms import depth_sorted
from spatial_edit.generators.blobgan.shape import local_coordinates, pixel_grid, signed_distance
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.metrics.truth import slot_scene
from spatial_edit.train import run_recipe
from spatial_edit.train.blobgan_decoder import DecoderTask
from spatial_edit.train.blobgan_four_terms import FourTermsTask, blob_statistics
from spatial_edit.train.blobgan_published import PublishedTask, Rooms
from spatial_edit.train.recipes import (
    RECIPES,
    blobgan_published,
    blobgan_published_toy,
    blobgan_rooms_four_terms_toy,
    blobgan_rooms_toy,
    override,
    stylegan2_rooms_toy,
)
from spatial_edit.train.scenes import as_float, held_out
from spatial_edit.train.stylegan2_rooms import StyleGAN2Task

SECONDS = 60.0  # of one core, what a toy recipe may take


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """blobgan_rooms_toy, all stages, and the CPU seconds it took."""
    out = tmp_path_factory.mktemp("toy")
    start = time.process_time()
    figures = run_recipe("blobgan_rooms_toy", out=out, overrides={"quiet": True})
    return out, figures, time.process_time() - start


@pytest.fixture(scope="module")
def pool(trained):
    recipe = blobgan_rooms_toy()
    return cached_pool(trained[0] / "pool", recipe.pool_size, recipe.pool_seed, 32)


@pytest.fixture(scope="module")
def decoder(trained, pool):
    """Stage (i) with its trained weights."""
    task = DecoderTask(blobgan_rooms_toy().decoder, pool, None)
    state = torch.load(trained[0] / "decoder" / "state.pt", weights_only=True)
    for name, average in task.averages.items():
        average.module.load_state_dict(state["averages"][name])
    return task


def test_toy_ends_in_time_with_a_falling_loss(trained, pool):
    _, figures, seconds = trained
    assert seconds < SECONDS
    real = as_float(pool.pictures[: held_out(len(pool))])
    flat = (real - real.mean((2, 3), keepdim=True)).abs().mean()  # each picture's mean colour
    print(f"{seconds:.1f} s of CPU, held-out L1 {figures['decoder_held_out_l1']:.3f}, mean colour {flat:.3f}")
    assert figures["decoder_held_out_l1"] < 0.22 and figures["decoder_held_out_l1"] < 0.75 * flat
    assert figures["decoder_held_out_psnr"] > 16.5
    assert figures["layout_flow"] < 2.6
    assert figures["detector_pixels"] < 3.25  # log 26 = 3.26 says nothing
    assert figures["decoder_images"] == 2_400 and figures["detector_images"] == 1_600


def footprint(task: DecoderTask, slot: int, shift: float, count: int) -> torch.Tensor:
    """(count, 32, 32) where one blob lies before and after its move, two and a half pixels wider."""
    scene, slots = depth_sorted(slot_scene(task.pool.truth[:count], task.recipe.config))
    mine = ((slots == slot) & (scene.present > 0))[..., None]
    seen = torch.zeros(count, 32 * 32, dtype=torch.bool)
    for dx in (0.0, shift):
        place = scene._replace(centres=scene.centres + torch.tensor([dx, 0.0]))
        distance = signed_distance(place, *local_coordinates(place, *pixel_grid(32)))
        seen |= torch.where(mine, distance, torch.tensor(-9.0)).amax(1) > -2.5 / 32
    return seen.view(count, 32, 32)


@pytest.mark.parametrize("name, least", [("bed", 4), ("window", 8), ("painting A", 8), ("wardrobe", 8)])
def test_toy_blobs_carry_what_they_show(name, least, decoder):
    slot = SLOT_NAMES.index(name)
    _, before = decoder.repaint(0, 48)
    _, after = decoder.repaint(0, 48, (slot, 0.15))
    there = decoder.pool.truth.exists[:48, slot]
    change = (after - before).abs().mean(1)
    region = footprint(decoder, slot, 0.15, 48)
    inside, outside = change[there][region[there]].mean(), change[there][~region[there]].mean()
    print(f"{name}: change inside {inside:.4f}, outside {outside:.4f}, of {region[there].float().mean():.2f}")
    assert there.sum() > 16 and region[there].float().mean() < 0.4
    assert inside > least * outside and inside > 0.05
    assert change[~there].sum() == 0  # nothing there, nothing moves


def test_toy_leaves_a_model_that_opens(trained):
    out, figures, _ = trained
    assert json.loads((out / "results.json").read_text()) == figures
    spec = ModelSpec("toy", 251, "blobgan", "", "blobs", 32, "MIT", "", out / "model")
    generator = load_blob_generator(spec)
    pictures = generator.render_batch([generator.sample(seed) for seed in range(8)])
    assert pictures.isfinite().all() and pictures.std(0).mean() > 0.05
    counts = [len(generator.sample(seed).layout) for seed in range(8)]
    assert min(counts) >= 1 and max(counts) <= 21


def test_stylegan2_toy_learns_colours(pool):
    task = StyleGAN2Task(stylegan2_rooms_toy(), pool)
    real = as_float(pool.pictures).mean((0, 2, 3))

    @torch.no_grad()
    def distance() -> float:
        z = torch.randn(32, task.recipe.config.z_dim, generator=torch.Generator().manual_seed(0))
        return float((task.paint(task.modules["generator"], z).mean((0, 2, 3)) - real).abs().mean())

    start = time.process_time()
    before = distance()
    losses = [task.step(i / 30, i * 16) for i in range(30)]
    assert all(v.isfinite() for step in losses for v in step.values())
    assert distance() < before
    assert (time.process_time() - start) * 40 / 30 < SECONDS  # the recipe has 40 steps


def test_the_published_recipe_is_the_published_one():
    recipe = blobgan_published()
    assert recipe.config == PublishedConfig.official_256()
    assert dict(recipe.channels) == discriminator_widths()
    assert (recipe.batch, recipe.r1, recipe.lazy, recipe.learning_rate) == (24, 50.0, 16, 0.002)
    assert recipe.decay == pytest.approx(0.997784, abs=1e-6) and recipe.jitter
    assert recipe.images == 1_500_000 * 24 * 8


def test_published_toy_steps(pool):
    task = PublishedTask(blobgan_published_toy(), Rooms(pool.pictures))
    rates = {n: (g["lr"], g["betas"], g["eps"], g["weight_decay"]) for n, g in groups(task)}
    assert rates["generator"] == (0.002, (0.0, 0.99), 1e-5, 0.0)
    rate, betas, eps, decay = rates["discriminator"]
    assert rate == pytest.approx(0.0018824, abs=1e-7) and betas == (0.0, pytest.approx(0.990585, abs=1e-6))
    assert (eps, decay) == (1e-5, 0.0)

    before = {n: [p.clone() for p in m.parameters()] for n, m in task.modules.items()}
    losses = [task.step(0.0, i * 16) for i in range(4)]
    assert all(v.isfinite() for step in losses for v in step.values())
    # ln 2 + ln 2 when it cannot tell, ln 2 for G
    assert float(losses[0]["discriminator"]) < 4 and float(losses[0]["generator"]) < 4
    for name, module in task.modules.items():
        changed = [not torch.equal(p, q) for p, q in zip(module.parameters(), before[name], strict=True)]
        assert sum(changed) > 0.8 * len(changed)
    state = task.generator.get_state()
    assert task.sheet().shape == (3, 64, 256)
    assert torch.equal(state, task.generator.get_state())  # looking changes nothing


def groups(task):
    return [(name, group) for name, o in task.optimisers.items() for group in o.param_groups]


def test_published_training_turns_blobs_unless_told_to_mirror_them(pool):
    recipe = blobgan_published_toy()
    for mirrored in (False, True):
        task = PublishedTask(dataclasses.replace(recipe, released_jitter=mirrored), Rooms(pool.pictures))
        assert task.draw_jitter(2).released_jitter is mirrored
    assert not recipe.released_jitter and not blobgan_published().released_jitter


def test_published_penalty_comes_every_sixteenth_step(pool):
    norms = []
    for images in (0, 16, 240, 256):
        task = PublishedTask(
            dataclasses.replace(blobgan_published_toy(), learning_rate=0.0), Rooms(pool.pictures)
        )
        task.step(0.0, images)
        norms.append(sum(float(p.grad.square().sum()) for p in task.modules["discriminator"].parameters()))
    assert norms[0] == norms[3] and norms[1] == norms[2] and norms[0] != norms[1]


def test_four_terms_toy_lowers_its_additional_terms(pool):
    task = FourTermsTask(blobgan_rooms_four_terms_toy(), Rooms(pool.pictures))
    losses = [{k: float(v) for k, v in task.step(0.0, i * 16).items()} for i in range(12)]
    assert set(losses[0]) == {
        "generator",
        "reconstruction",
        "diversity",
        "disentanglement",
        "discriminator",
    }
    assert losses[-1]["reconstruction"] < 0.7 * losses[0]["reconstruction"]
    figures = task.metrics()
    assert set(figures) == {
        "pixel_std",
        "centre_spread",
        "footprint",
        "dead_blobs",
        "feature_correlation",
        "real_pixel_std",
    }
    assert 0 < figures["footprint"] < 1 and 0 <= figures["dead_blobs"] <= 1
    plain = dataclasses.replace(
        blobgan_rooms_four_terms_toy(), reconstruction=0.0, diversity=0.0, disentanglement=0.0
    )
    assert set(FourTermsTask(plain, Rooms(pool.pictures)).step(0.0, 16)) == {"generator", "discriminator"}


@torch.no_grad()
def test_dead_blobs_are_counted(pool):
    task = FourTermsTask(blobgan_rooms_four_terms_toy(), Rooms(pool.pictures))
    model = task.modules["generator"]
    z = torch.randn(16, 32, generator=torch.Generator().manual_seed(0))
    alive = blob_statistics(model, z)
    model.layout_net.mlp[-1].bias[1:3] = -1e6  # the first two blobs' scores: no opacity anywhere
    figures = blob_statistics(model, z)
    assert figures["dead_blobs"] == pytest.approx(alive["dead_blobs"] + 2 / 6)
    assert figures["footprint"] < alive["footprint"]


def test_published_needs_photos_and_takes_a_folder(tmp_path, pool):
    from spatial_edit.images import save_png

    with pytest.raises(ValueError, match="--set photos=FOLDER"):
        run_recipe("blobgan_published", out=tmp_path / "none")
    for i in range(16):
        (tmp_path / "set").mkdir(exist_ok=True)
        save_png(as_float(pool.pictures[i]), tmp_path / "set" / f"{i}.png")
    wanted = {"photos": str(tmp_path / "set"), "images": 32, "batch": 8}
    figures = run_recipe("blobgan_published_toy", out=tmp_path / "run", overrides=wanted)
    assert figures["images"] == 32 and figures["generator"] > 0
    config = read_config(tmp_path / "run" / "model")
    assert "blobgan-published" in json.dumps(config)
    assert not (tmp_path / "run" / "pool").exists()


def test_every_recipe_is_complete():
    for name, (make, _) in RECIPES.items():
        recipe = make()
        assert dataclasses.is_dataclass(recipe) and make.__doc__, name
        assert make() == recipe


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="there is no recipe 'nothing': choose one of"):
        run_recipe("nothing", out=tmp_path)
    with pytest.raises(ValueError, match="minutes must be more than 0"):
        run_recipe("blobgan_rooms_toy", minutes=0, out=tmp_path)
    recipe = blobgan_rooms_toy()
    with pytest.raises(ValueError, match="no field 'colour'"):
        override(recipe, ["colour"], 3)
    with pytest.raises(ValueError, match="no field 'colour'"):
        override(recipe, ["decoder", "colour"], 3)
    with pytest.raises(ValueError, match="is a int, got 'many'"):
        override(recipe, ["decoder", "batch"], "many")
    changed = override(recipe, ["decoder", "learning_rate"], 1)
    assert changed.decoder.learning_rate == 1.0 and recipe.decoder.learning_rate == 3e-3
    assert not list(tmp_path.iterdir())
