"""Photo to scene: each effort, odd photos, repeatability, budgets, and the check of adapted weights."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch
from PIL import Image

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.images import Photo, open_photo, to_pil
from spatial_edit.layouts.codec import scene_from_bytes, scene_to_bytes
from spatial_edit.parse import parse_photo
from spatial_edit.parse.anchors import Anchors, shift
from spatial_edit.parse.delta import MAX_BYTES, DeltaError, bytes_of, check_delta, tunable
from spatial_edit.parse.encode import encode
from spatial_edit.parse.population import drop_idle, grow
from spatial_edit.parse.refine import refine
from spatial_edit.parse.target import Target
from spatial_edit.parse.tune import tune
from spatial_edit.parse.unknowns import Unknowns
from spatial_edit.session import Session, parse_upload
from spatial_edit.store import Store


@pytest.fixture(scope="module")
def tiny() -> BlobGenerator:
    return BlobGenerator.tiny()


@pytest.fixture(scope="module")
def start(tiny: BlobGenerator):
    """A sampled scene with at least three blobs, and a target: its picture after a shove of everything."""
    scene = next(s for s in (tiny.sample(i) for i in range(50)) if len(s.layout) >= 3)
    layout = replace(scene.layout, centres=scene.layout.centres + 0.04, sizes=scene.layout.sizes * 1.2)
    latent = replace(scene.latent, rows=scene.latent.rows + 0.1, background=scene.latent.background + 0.05)
    return scene, whole(tiny.render(replace(scene, layout=layout, latent=latent)))


def whole(picture: torch.Tensor) -> Target:
    return Target(picture, picture, torch.ones(picture.shape[1:]))


def photo_of(image: Image.Image, **options) -> Photo:
    buffer = io.BytesIO()
    image.save(buffer, options.pop("format", "PNG"), **options)
    return open_photo(buffer.getvalue())


def noise_photo(width: int = 40, height: int = 30, seed: int = 0) -> Photo:
    pixels = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return photo_of(to_pil(pixels).resize((width, height), Image.Resampling.BICUBIC))


def test_smoke_every_effort_gives_the_scene_that_it_reports(tiny):
    photo = noise_photo()
    for effort in ("encode", "refine", "tune"):
        parsed = parse_photo(tiny, photo, effort, steps=5)
        assert torch.equal(parsed.reconstruction, tiny.render(parsed.scene))
        assert parsed.reconstruction.dtype == torch.float32
        assert parsed.psnr == pytest.approx(parsed.target.psnr(tiny.render(parsed.scene)))
        assert (parsed.scene.latent.seed, parsed.scene.latent.truncation) == (0, 0.0)
        origin = parsed.scene.provenance
        assert (origin.kind, origin.photo, origin.effort) == ("photo", photo.sha256, effort)
        assert parsed.original.shape == (3, 32, 32) and parsed.steps == {"encode": 0}.get(effort, 5)


def test_numbers_refine_finds_its_way_back_to_a_rendered_scene(tiny, start):
    scene, target = start
    before = target.psnr(tiny.render(scene))
    refined = refine(tiny, scene, target, steps=80)
    assert target.psnr(tiny.render(refined.scene)) > before + 3


def test_numbers_refine_never_gives_less_than_it_was_given(tiny):
    scene = tiny.sample(3)
    refined = refine(tiny, scene, whole(tiny.render(scene)), steps=6)
    assert float(whole(tiny.render(scene)).squared_error(tiny.render(refined.scene)[None])) < 1e-6


def test_determinism_with_steps(tiny):
    one, two = (parse_photo(tiny, noise_photo(), "tune", steps=12) for _ in range(2))
    assert one.scene.layout.same(two.scene.layout) and one.scene.latent.same(two.scene.latent)
    assert torch.equal(one.reconstruction, two.reconstruction) and one.psnr == two.psnr


def test_gradients_reach_every_unknown(tiny, start):
    scene, target = start
    unknowns = Unknowns(tiny, scene)
    target.loss(unknowns.decode(2.0)).backward()
    for name, value in unknowns.free.items():
        assert value.grad is not None and torch.isfinite(value.grad).all() and value.grad.abs().sum() > 0, (
            name
        )
    assert all(p.grad is None for p in tiny.model.parameters())


def test_shapes_unknowns_give_the_scene_back(tiny, start):
    scene, _ = start
    behind = scene.latent.background.clone()
    behind[15:30].clamp_(-1, 1)  # colours beyond the picture's range are brought into it
    scene = replace(scene, latent=replace(scene.latent, background=behind))
    again = Unknowns(tiny, scene).scene()
    assert (again.layout.ids, again.layout.rows) == (scene.layout.ids, scene.layout.rows)
    assert torch.allclose(again.layout.centres, scene.layout.centres)
    assert torch.allclose(again.layout.sizes, scene.layout.sizes, rtol=1e-5)
    assert torch.allclose(tiny.render(again), tiny.render(scene), atol=2e-3)


def test_numbers_tune_improves_within_a_megabyte_and_survives_storing(tiny, start):
    scene, target = start
    tuned = tune(tiny, scene, target, seconds=0, steps=40)
    assert 0 < bytes_of(tuned.scene.delta) <= MAX_BYTES
    assert all(value.dtype == torch.float16 for _, value in tuned.scene.delta)
    assert target.psnr(tiny.render(tuned.scene)) > target.psnr(tiny.render(scene)) + 1
    stored = scene_from_bytes(scene_to_bytes(tuned.scene))
    check_delta(tiny, stored.delta)
    assert torch.equal(tiny.render(stored), tiny.render(tuned.scene))


def test_numbers_tune_of_a_perfect_scene_leaves_the_weights(tiny):
    scene = tiny.sample(2)
    tuned = tune(tiny, scene, whole(tiny.render(scene)), seconds=0, steps=3)
    assert tuned.scene.delta == ()


def test_numbers_a_moved_anchor_carries_the_residual_along(tiny, start):
    scene, target = start
    residual = target.picture - tiny.render(scene)
    anchors = Anchors(tiny, scene, residual, torch.ones(32, 32))
    for _ in range(8):
        moved, goal, weight = anchors.moved()
        changed = (moved.layout.centres - scene.layout.centres).abs().sum(1) > 0
        assert changed.sum() <= 1 and goal.shape == (3, 32, 32)
        assert 0.29 < float(weight.min()) and float(weight.max()) < 1.001
    still = Anchors(tiny, scene, torch.zeros_like(residual), torch.ones(32, 32))
    moved, goal, _ = still.moved()
    assert torch.allclose(goal, tiny.render(moved))


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (-2, 3), (40, 0), (0, -32)])
def test_numbers_shift(dx, dy):
    image = torch.arange(32.0 * 32).reshape(1, 32, 32) + 1
    out = shift(image, dx, dy)
    for y, x in ((0, 0), (5, 9), (31, 31)):
        inside = 0 <= y - dy < 32 and 0 <= x - dx < 32
        assert out[0, y, x] == (image[0, y - dy, x - dx] if inside else 0)


def test_numbers_margins_do_not_count(tiny):
    target = Target.of(noise_photo(40, 20), 32, "letterbox")
    assert target.mask.sum() == 32 * 16 and target.mask[8:24].all()
    spoiled = target.picture.clone()
    spoiled[:, :8] = 1
    assert target.psnr(spoiled) == 99.0 and float(target.loss(spoiled[None])) == 0
    assert float(target.squared_error(spoiled[None])) == 0
    assert torch.equal(target.filled[:, 0], target.picture[:, 8]) and torch.equal(
        target.filled[:, 12], target.picture[:, 12]
    )
    spoiled[:, 10] = 1
    assert target.psnr(spoiled) < 40


def test_numbers_psnr_is_on_bytes():
    picture = torch.zeros(3, 8, 8)
    assert whole(picture).psnr(picture + 1 / 127.5) == pytest.approx(48.13, abs=0.01)
    assert whole(picture).psnr(picture + 0.2 / 127.5) == 99.0


def test_numbers_population_grows_only_where_it_helps_and_drops_the_idle(tiny, start):
    scene, _ = start
    fewer = replace(scene, layout=scene.layout.select([0]))
    same = whole(tiny.render(fewer))
    assert grow(tiny, fewer, same) is fewer
    lit = tiny.render(fewer)
    lit[:, 10:20, 10:20] = 1
    grown = grow(tiny, fewer, whole(lit), most=1)
    assert len(grown.layout) <= 2 and len(set(grown.layout.rows)) == len(grown.layout)
    if len(grown.layout) == 2:
        assert whole(lit).squared_error(tiny.render(grown)[None]) < whole(lit).squared_error(
            tiny.render(fewer)[None]
        )
    away = replace(
        scene.layout, centres=torch.full_like(scene.layout.centres, -0.2), sizes=scene.layout.sizes * 0.1
    )
    idle = replace(scene, layout=away)
    assert len(drop_idle(tiny, idle, whole(tiny.render(idle))).layout) < len(away)


def test_shapes_a_scene_without_blobs_can_be_refined_and_tuned(tiny, start):
    scene, target = start
    empty = replace(scene, layout=scene.layout.select([]))
    refined = refine(tiny, empty, target, steps=10)
    tuned = tune(tiny, replace(refined.scene, layout=scene.layout.select([])), target, seconds=0, steps=3)
    assert torch.isfinite(tiny.render(refined.scene)).all() and torch.isfinite(tiny.render(tuned.scene)).all()


ODD = {
    "one pixel": Image.new("RGB", (1, 1), (9, 200, 30)),
    "a sliver": Image.new("RGB", (700, 2), (120, 10, 30)),
    "grey": Image.new("L", (33, 65), 77),
    "palette": Image.new("P", (20, 20), 3),
    "CMYK": Image.new("CMYK", (20, 31), (10, 90, 200, 4)),
    "16 bit": Image.new("I;16", (12, 9), 30000),
    "transparent": Image.new("RGBA", (19, 40), (255, 0, 0, 90)),
    "black": Image.new("RGB", (64, 64)),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_odd_photos_are_parsed(tiny, kind, fit):
    photo = photo_of(ODD[kind], format="TIFF" if kind == "CMYK" else "PNG")
    parsed = parse_photo(tiny, photo, "refine", fit=fit, steps=2)
    assert torch.isfinite(parsed.reconstruction).all() and parsed.psnr > 0
    assert all(note in parsed.notes for note in photo.notes)


def test_errors_of_the_call(tiny):
    photo = noise_photo()
    with pytest.raises(ValueError, match="effort"):
        parse_photo(tiny, photo, "magic")
    with pytest.raises(ValueError, match="fit"):
        parse_photo(tiny, photo, "encode", fit="stretch")  # type: ignore[arg-type]
    for seconds in (-1, float("nan"), float("inf"), 1e9):
        with pytest.raises(ValueError, match="seconds"):
            parse_photo(tiny, photo, "refine", seconds=seconds)
    with pytest.raises(ValueError, match="steps"):
        parse_photo(tiny, photo, "refine", steps=-1)


def test_budget_and_stopping(tiny):
    photo = noise_photo()
    assert parse_photo(tiny, photo, "refine", seconds=0).steps == 0
    assert parse_photo(tiny, photo, "tune", seconds=0.6).seconds < 10
    asked: list[float] = []
    stopped = parse_photo(
        tiny, photo, "tune", steps=200, progress=asked.append, keep_going=lambda: len(asked) < 5
    )
    assert stopped.steps < 10 and any("stopped early" in note for note in stopped.notes)
    assert asked == sorted(asked) and asked[-1] == 1.0

    def refuse(share: float) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        parse_photo(tiny, photo, "refine", steps=3, progress=refuse)


def bad_deltas(tiny: BlobGenerator):
    name, weight = next(iter(tunable(tiny).items()))
    fine = torch.zeros(weight.shape, dtype=torch.float16)
    yield "unknown", ((f"{name}x", fine),)
    yield "another part", (("slot_embedding", torch.zeros_like(tiny.model.decoder.slot_embedding).half()),)
    yield "twice", ((name, fine), (name, fine))
    yield "shape", ((name, fine[:1]),)
    yield "dtype", ((name, fine.float()),)
    yield "NaN", ((name, torch.full_like(fine, float("nan"))),)
    yield "infinite", ((name, torch.full_like(fine, float("inf"))),)
    yield "huge", ((name, torch.full_like(fine, 6e4)),)


def test_errors_a_delta_is_checked_wherever_it_is_read(tiny):
    scene = parse_photo(tiny, noise_photo(), "encode").scene
    for kind, delta in bad_deltas(tiny):
        with pytest.raises(DeltaError):
            check_delta(tiny, delta)
        store = Store()
        with pytest.raises(ValueError):
            Session(lambda name: tiny, store).adopt(replace(scene, delta=delta))
        if kind not in ("NaN", "infinite", "twice"):  # the codec refuses those by itself
            entry = store.put(scene_to_bytes(replace(scene, delta=delta)))
            with pytest.raises(DeltaError):
                Session(lambda name: tiny, store).open(f"s:{entry}")


def test_an_upload_becomes_a_frame_that_opens_again(tiny):
    buffer = io.BytesIO()
    to_pil(torch.rand(3, 20, 30) * 2 - 1).save(buffer, "PNG")
    store = Store()
    done = parse_upload(lambda name: tiny, store, buffer.getvalue(), "blobgan-tiny", "encode", "letterbox")
    assert done.frame.code.startswith("s:") and done.original.shape == (3, 32, 32) and len(done.sha256) == 64
    again = Session(lambda name: tiny, store).open(done.frame.code)
    assert torch.equal(again.image, done.frame.image) and again.scene.provenance.photo == done.sha256


def test_numbers_encode_is_one_scene_of_the_model(tiny):
    picture = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    one, two = encode(tiny, picture), encode(tiny, picture)
    assert one.layout.same(two.layout) and one.latent.same(two.latent)
    assert (one.model, one.weights) == (tiny.spec.name, tiny.weights)
