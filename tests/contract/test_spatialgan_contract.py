"""SpatialGAN behind the generator contract, as a hierarchy and with objects: pictures, edits, batches, what
is kept, links, checkpoints, deltas."""

from __future__ import annotations

import itertools
import json
from dataclasses import fields, replace

import pytest
import torch

from spatial_edit.checkpoints import CheckpointError, save
from spatial_edit.generators.spatialgan import scenes
from spatial_edit.generators.spatialgan.config_json import config_from_json, config_to_json
from spatial_edit.generators.spatialgan.network import SpatialConfig, SpatialGAN
from spatial_edit.generators.spatialgan.prior import Framed, Joint, Spread, Table
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes, load_spatialgan
from spatial_edit.layouts import Latent, Palette, Provenance, Scene
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.session import Session
from spatial_edit.store import Store


@pytest.fixture(scope="module", params=["hierarchy", "objects"])
def tiny(request) -> SpatialGANScenes:
    return SpatialGANScenes.tiny(objects=request.param == "objects")


@pytest.fixture(scope="module")
def objects() -> SpatialGANScenes:
    return SpatialGANScenes.tiny(objects=True)


@pytest.fixture
def session(tiny) -> Session:
    return session_of(tiny)


def session_of(generator: SpatialGANScenes) -> Session:
    return Session(lambda name: generator, Store(), names=lambda number: generator.spec.name)


def shown(generator: SpatialGANScenes, seed: int = 3) -> Scene:
    """The scene of a seed with all centres visible."""
    return with_layout(generator.sample(seed), hidden=())


def with_layout(scene: Scene, **changes: object) -> Scene:
    return replace(scene, layout=replace(scene.layout, **changes))


def moved(scene: Scene, index: int, dx: float, dy: float) -> Scene:
    centres = scene.layout.centres.clone()
    centres[index] += torch.tensor([dx, dy])
    return with_layout(scene, centres=centres)


def palettes(generator: SpatialGANScenes, scene: Scene, *seeds: int) -> Scene:
    found = []
    for seed in seeds:
        latent = generator.sample(seed).latent
        found.append(Palette(seed, latent.rows, latent.background))
    return replace(scene, latent=replace(scene.latent, palettes=tuple(found)))


def as_codes(generator: SpatialGANScenes, scene: Scene) -> Scene:
    """The scene as a drag leaves it: codes in place of z and of the objects' latents."""
    codes, _, _, own = generator.inputs([scene])
    rows = codes[0] if own is None else torch.cat([codes[0], own[0]])
    latent = Latent(scene.latent.seed, scene.latent.truncation, rows.clone(), torch.zeros(0))
    return replace(scene, latent=latent, provenance=Provenance("drag"))


def test_smoke_and_shapes(tiny):
    assert sum(p.numel() for p in tiny.model.parameters()) < 50_000
    scene, count = tiny.sample(3), sum(tiny.model.config.centres)
    assert isinstance(scene.layout, Heatmaps) and scene.model == tiny.spec.name
    assert scene.weights == tiny.weights and scene.latent.seed == 3
    assert scene.layout.ids == tuple(range(count)) and len(scene.layout) == tiny.spec.max_elements
    assert scene.layout.levels == ((0, 0, 0) if count == 3 else (0, 1, 1, 2, 2, 2, 2))
    picture = tiny.render(scene)
    assert picture.shape == (3, 32, 32) and picture.dtype == torch.float32
    assert picture.isfinite().all() and picture.abs().max() <= 1 and picture.std() > 0.01
    assert [block.side for block in tiny.blocks(scene)] == [4, 8, 16, 32]
    *_, last = tiny.blocks(scene)
    assert torch.equal(last.rgb[0].clamp(-1, 1), picture)


def test_determinism(tiny):
    torch.manual_seed(1)
    a = tiny.sample(7, 0.25)
    torch.manual_seed(2)
    again = SpatialGANScenes.tiny(objects=tiny.model.config.indoor)
    b = again.sample(7, 0.25)
    assert a.layout.same(b.layout) and a.latent.same(b.latent)
    assert torch.equal(tiny.render(a), again.render(b))
    other = tiny.sample(8, 0.25)
    assert not other.latent.same(a.latent) and not other.layout.same(a.layout)
    different = SpatialGANScenes.tiny(1, objects=tiny.model.config.indoor)
    assert not torch.equal(different.render(a), tiny.render(a))


def test_truncation_pulls_the_code_to_the_mean(tiny):
    mean = tiny.inputs([tiny.sample(1, 1.0)]).codes
    assert torch.allclose(mean[0, 0], tiny.model.w_mean, atol=1e-6)
    near, far = (tiny.inputs([tiny.sample(1, t)]).codes - mean for t in (0.9, 0.0))
    assert near.norm() < 0.2 * far.norm()
    assert tiny.sample(1, 0.9).layout.same(tiny.sample(1).layout)
    bare = SpatialGANScenes(SpatialGAN(tiny.model.config), tiny.spec, tiny.weights)
    with pytest.raises(ValueError, match="lack: use truncation 0"):
        bare.render(bare.sample(1, 0.5))


def test_batch_is_within_rounding_of_one_by_one(tiny):
    many = [tiny.sample(seed) for seed in range(4)]
    many.append(with_layout(many[0], hidden=(True,) * len(many[0].layout)))
    many.append(replace(many[1], layout=many[1].layout.select([0, 2])))
    many.append(as_codes(tiny, many[2]))
    many.append(palettes(tiny, with_layout(many[3], appearance=9, noise=True), 9))
    many.append(tiny.sample(1, 0.5))
    together = tiny.render_batch(many)
    assert together.shape == (9, 3, 32, 32)
    for scene, picture in zip(many, together, strict=True):
        assert (tiny.render(scene) - picture).abs().max() < 1e-5


def test_every_centre_matters_and_only_its_place(tiny):
    scene = shown(tiny)
    plain = tiny.render(scene)
    for index in range(len(scene.layout)):
        assert (tiny.render(moved(scene, index, 0.15, -0.1)) - plain).abs().max() > 1e-4, index
    assert not torch.equal(tiny.render(with_layout(scene, sigmas=scene.layout.sigmas * 0.5)), plain)


def test_hidden_and_removed_look_alike(tiny):
    scene = shown(tiny)
    count = len(scene.layout)
    for at in (0, 1, count - 1):
        hide = with_layout(scene, hidden=tuple(k == at for k in range(count)))
        gone = replace(scene, layout=scene.layout.select([k for k in range(count) if k != at]))
        assert torch.equal(tiny.render(hide), tiny.render(gone))
        assert not torch.equal(tiny.render(scene), tiny.render(gone))


def test_order_does_not_matter_and_a_removed_centre_comes_back(tiny):
    scene = shown(tiny)
    count = len(scene.layout)
    turned = replace(scene, layout=scene.layout.select([count - 1, *range(count - 1)]))
    assert torch.equal(tiny.render(turned), tiny.render(scene))
    other_number = with_layout(scene, ids=(*range(count - 1), 99))  # removed and added again elsewhere
    assert torch.equal(tiny.render(other_number), tiny.render(scene))


def test_another_style_of_an_object_stays_about_its_place(objects):
    """An object's style is added where its heatmap is. With these weights the demodulation, which takes the
    mean style, changes the rest a little too."""
    near, far = 0.0, 0.0
    for seed in range(12):
        scene = objects.sample(seed)
        centres = torch.tensor([[0.2, 0.2], [0.8, 0.25], [0.5, 0.8]])
        scene = with_layout(scene, centres=centres, sigmas=torch.full((3,), 0.06), hidden=())
        for at in range(3):
            looks = tuple(seed + 100 if k == at else None for k in range(3))
            other = palettes(objects, with_layout(scene, looks=looks), seed + 100)
            change = (objects.render(other) - objects.render(scene)).abs().mean(0)
            grid = (torch.arange(32) + 0.5) / 32
            x, y = centres[at]
            inside = ((grid[None] - x) ** 2 + (grid[:, None] - y) ** 2).sqrt() < 0.2
            near, far = near + change[inside].mean(), far + change[~inside].mean()
    assert near > 3 * far > 0


def test_a_look_is_that_of_the_seed_and_channel(objects):
    scene, other = shown(objects), objects.sample(11)
    own, its = (objects.inputs([s]).objects[0] for s in (scene, other))
    dressed = palettes(objects, with_layout(scene, looks=(None, 11, None)), 11)
    codes = objects.inputs([dressed]).objects[0]
    assert torch.equal(codes[[0, 2]], own[[0, 2]]) and torch.allclose(codes[1], its[1])
    assert not torch.allclose(codes[1], own[1])
    with pytest.raises(ValueError, match="no appearances of seed 11"):
        objects.render(with_layout(scene, looks=(None, 11, None)))


def test_an_appearance_is_that_of_the_seed(tiny):
    scene, other = tiny.sample(3), tiny.sample(11)
    dressed = palettes(tiny, with_layout(scene, appearance=11), 11)
    there = replace(other, layout=scene.layout)
    ours, theirs = tiny.inputs([dressed]), tiny.inputs([there])
    assert torch.equal(ours.codes, theirs.codes)
    assert ours.objects is None or torch.equal(ours.objects, theirs.objects)
    assert torch.equal(ours.noise[0], tiny.inputs([scene]).noise[0])
    whole = with_layout(dressed, noise=True)
    assert torch.equal(tiny.render(whole), tiny.render(there))
    dragged = as_codes(tiny, scene)
    again = palettes(tiny, with_layout(dragged, appearance=11), 11)
    assert torch.equal(tiny.render(again), tiny.render(dressed))


def test_codes_in_place_of_z_give_the_same_picture(tiny):
    scene = shown(tiny, 5)
    assert torch.equal(tiny.render(as_codes(tiny, scene)), tiny.render(scene))


def test_what_is_kept_changes_no_bit(tiny):
    """The cached route, the same again, and the uncached one."""
    fresh = SpatialGANScenes.tiny(objects=tiny.model.config.indoor)
    start = shown(tiny)
    steps = [
        start,
        moved(start, 0, 0.1, 0.0),
        tiny.sample(4),
        replace(tiny.sample(4), layout=start.layout),
        start,
    ]
    same = palettes(tiny, start, 11)  # what follows differs by the layout's seeds alone
    steps += [same, with_layout(same, appearance=11), with_layout(same, appearance=11, noise=True)]
    if tiny.model.config.indoor:
        other = replace(start.latent, background=start.latent.background + 0.5)
        steps.append(replace(start, latent=other))
        steps += [with_layout(same, looks=looks) for looks in ((11, None, None), (None, 11, None))]
        turned = with_layout(same, looks=(None, 11, None), ids=(1, 0, 2))
        steps += [turned, with_layout(turned, ids=(0, 1, 2), looks=(None, 11, 11))]
    for scene in [*steps, *steps]:
        kept = fresh.render(scene)
        codes, levels, noise, own = tiny.inputs([scene])
        plain = tiny.model.synthesis(codes, tiny.model.synthesis.encode(levels), noise, own)[0]
        assert torch.equal(kept, plain.clamp(-1, 1))


def test_the_heatmap_is_encoded_once_and_codes_too(tiny, monkeypatch):
    fresh, calls = SpatialGANScenes.tiny(objects=tiny.model.config.indoor), {"encode": 0, "codes": 0}

    def counted(name, function):
        def run(*arguments):
            calls[name] += 1
            return function(*arguments)

        return run

    model = fresh.model
    monkeypatch.setattr(model.synthesis, "encode", counted("encode", model.synthesis.encode))
    monkeypatch.setattr(model, "codes", counted("codes", model.codes))
    start = fresh.sample(0)
    for seed in range(6):  # other codes, the same heatmap
        fresh.render(replace(fresh.sample(seed), layout=start.layout))
    assert calls == {"encode": 1, "codes": 6}
    for step in range(5):
        fresh.render(moved(start, 0, 0.01 * step, 0.0))
    assert calls == {"encode": 5, "codes": 6}
    for seed in range(40):
        fresh.render(fresh.sample(seed))
    assert len(fresh._maps) <= scenes.KEPT_MAPS and len(fresh._codes) <= scenes.KEPT_CODES
    assert len(fresh._noise) <= scenes.KEPT_NOISE


def test_gradients_reach_layout_and_codes(tiny):
    scene = shown(tiny)
    leaves = [t.clone().requires_grad_() for t in (scene.layout.centres, scene.layout.sigmas)]
    for start in (scene, as_codes(tiny, scene)):
        rows = start.latent.rows.clone().requires_grad_()
        live = with_layout(start, centres=leaves[0], sigmas=leaves[1])
        codes, levels, noise, own = tiny.inputs([replace(live, latent=replace(start.latent, rows=rows))])
        tiny.model.synthesis(codes, levels, noise, own).square().mean().backward()
        for leaf in (*leaves, rows):
            assert leaf.grad.isfinite().all() and leaf.grad.abs().max() > 0
            leaf.grad = None


def test_checkpoint_round_trip(tiny, tmp_path):
    digest = save(tmp_path / "model", tiny.model, config_to_json(tiny.model.config), dtype=torch.float32)
    loaded = load_spatialgan(replace(tiny.spec, folder=tmp_path / "model"))
    assert loaded.weights == digest[: len(loaded.weights)] and loaded.weights != tiny.weights
    assert loaded.model.config == tiny.model.config and loaded.spec.max_elements == tiny.spec.max_elements
    mine, theirs = tiny.model.state_dict(), loaded.model.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)
    assert torch.equal(tiny.sample(4).layout.centres, loaded.sample(4).layout.centres)
    assert torch.allclose(tiny.render(tiny.sample(4)), loaded.render(loaded.sample(4)), atol=1e-5)


FRAMED = Framed((((0.5, 0.5),), ((0.4, 0.4), (0.6, 0.4))), (0.2, 0.1))
CONFIGS = [
    SpatialConfig(),
    SpatialConfig(
        encoding="flatten", coarse=False, shared=True, resolution=32, channels={4: 8, 8: 8, 16: 8, 32: 4}
    ),
    SpatialConfig(centres=(1, 2), points=6, prior=FRAMED, entry=True, slopes=True),
    SpatialConfig(centres=(3,), indoor=True, object_dim=8, prior=Table(64, 0.0, 0.2)),
    SpatialConfig(centres=(3,), indoor=True, object_dim=8, prior=Joint()),
    SpatialConfig(centres=(4,), encoding="none", prior=Spread(0.5, None, ((0.1, 0.2),))),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration_survives_json(config):
    document = config_to_json(config)
    assert config_from_json(json.loads(json.dumps(document, allow_nan=False))) == config
    assert set(document) == {"kind", *(field.name for field in fields(config))}


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "eqgan"},
        {"resolution": 24},
        {"resolution": 2**40},
        {"hidden": 10**9},
        {"z_dim": 8.0},
        {"z_dim": 9},
        {"centres": []},
        {"centres": [1, 2, 4, 8]},
        {"centres": [1, 2, 1000]},
        {"centres": [2, 2, 4]},
        {"channels": [[4, 8]]},
        {"encoding": "loud"},
        {"indoor": True},
        {"object_dim": 4},
        {"points": 2},
        {"coarse": 1},
        {"mapping_layers": 65},
        {"more": 1},
        {"prior": None},
        {"prior": {"kind": "other"}},
        {"prior": {"kind": ["framed"]}},
        {"prior": {"kind": {}}},
        {"prior": {"kind": "joint"}},
        {"prior": {"kind": "table", "rows": 10**9, "place": 0.1, "sigma": 0.1}},
        {"prior": {"kind": "table", "rows": 4, "place": 0.1, "sigma": 0.1}},
        {"prior": {"kind": "spread", "first": float("inf"), "around": None, "sigmas": [[0.1, 0.2]]}},
        {"prior": {"kind": "spread", "first": 0.3, "around": None, "sigmas": []}},
        {"prior": {"kind": "spread", "first": 0.3, "around": None, "sigmas": [[0.1, 0.2, 0.3]]}},
        {"prior": {"kind": "framed", "points": [[[0.5, 0.5]]], "sigmas": [0.1], "frame": {}}},
        {"prior": {"kind": "spread", "first": 0.3, "around": None, "sigmas": [[0.1, 0.2]], "more": 1}},
    ],
)
def test_errors_of_a_configuration(change, tmp_path):
    tiny = SpatialGANScenes.tiny()
    document = config_to_json(tiny.model.config) | change
    if change.get("prior") and "inf" in str(change):
        with pytest.raises(ValueError):
            config_from_json(document)
        return
    save(tmp_path / "model", tiny.model, document, dtype=torch.float32)
    with pytest.raises(CheckpointError) as caught:
        load_spatialgan(replace(tiny.spec, folder=tmp_path / "model"))
    assert "\n" not in str(caught.value) and "unhashable" not in str(caught.value)


def test_link_round_trip_and_undo(session, tiny):
    first = session.generate(tiny.spec.name, 5, 0.125)
    edits = [
        {"op": "move", "target": 0, "dx": 0.1, "dy": -0.05},
        {"op": "show", "target": 1},
        {"op": "replace", "target": 1, "seed": 77},
        {"op": "appearance", "seed": 78, "noise": True},
        {"op": "set", "target": 2, "sigma": 0},
        {"op": "relayout", "seed": 12},
        {"op": "truncate", "amount": 0.5},
    ]
    frames = [first]
    for edit in edits:
        frames.append(session.edit(edit))
        opened = session_of(tiny).open(frames[-1].code)
        assert torch.equal(opened.image, frames[-1].image)
        assert opened.scene.layout.same(frames[-1].scene.layout) and opened.code == frames[-1].code
    for before, after in itertools.pairwise(frames):
        assert before.code == after.code or not torch.equal(before.image, after.image)
    for frame in reversed(frames[:-1]):
        undone = session.undo()
        assert torch.equal(undone.image, frame.image) and undone.code == frame.code
    assert torch.equal(session.redo().image, frames[1].image)


def test_a_dragged_scene_lies_in_the_store(session, tiny):
    before = session.generate(tiny.spec.name, 5)
    rows = as_codes(tiny, before.scene)
    rows = replace(rows, latent=replace(rows.latent, rows=rows.latent.rows + 0.1))
    frame = session.adopt(rows)
    assert frame.code.startswith("s:") and not torch.equal(frame.image, before.image)
    edited = session.edit([{"op": "appearance", "seed": 4}, {"op": "set", "target": 0, "x": 0.3}])
    assert torch.equal(session.open(edited.code).image, edited.image)
    back = session.edit({"op": "appearance", "seed": None})
    assert back.scene.latent.same(rows.latent)
    with pytest.raises(ValueError, match="what was dragged has no truncation"):
        session.edit({"op": "truncate", "amount": 0.5})


def test_one_centre_too_many_is_told_and_changes_nothing(session, tiny):
    before = session.generate(tiny.spec.name, 5)
    count = len(before.scene.layout)
    for edit in (
        {"op": "clone", "target": 0, "dx": 0.1, "dy": 0.0},
        {"op": "add", "level": 0, "x": 0.5, "y": 0.5, "sigma": 0.1},
    ):
        with pytest.raises(
            ValueError, match=rf"has {count + 1} elements, .* takes at most {count}: remove some"
        ):
            session.edit(edit)
    session.edit({"op": "remove", "target": count - 1})
    with pytest.raises(
        ValueError, match=r"on level 1, this model takes 2|has a level 1, this model has 1 levels"
    ):
        session.edit({"op": "set", "target": 0, "level": 1})
    again = session.edit(
        {"op": "add", "level": max(before.scene.layout.levels), "x": 0.5, "y": 0.5, "sigma": 0.1}
    )
    assert len(again.scene.layout) == count
    assert torch.equal(session.goto(0).image, before.image)


def test_delta_is_applied_to_encodings_too_and_leaves_the_model(tiny):
    scene = shown(tiny)
    parameters = dict(tiny.model.synthesis.named_parameters())
    plain = tiny.render(scene)
    names = [next(n for n in parameters if n.startswith(part)) for part in ("rgbs", "encodings")]
    for name in names:
        tuned = replace(scene, delta=((name, torch.full_like(parameters[name], 0.3).half()),))
        assert (tiny.render(tuned) - plain).abs().mean() > 1e-4, name
    assert torch.equal(tiny.render(scene), plain)
    with pytest.raises(ValueError, match="one batch"):
        tiny.render_batch([tuned, scene])


def test_errors(tiny):
    scene = tiny.sample(3)
    for seed in (-1, 2**32, 1.5, True, "7"):
        with pytest.raises(ValueError, match="seed"):
            tiny.sample(seed)
    for truncation in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="truncation"):
            tiny.sample(0, truncation)
    with pytest.raises(ValueError, match="made for the model 'other'"):
        tiny.render(replace(scene, model="other"))
    for change in ({"rows": scene.latent.rows[:, :-1]}, {"background": torch.zeros(3)}):
        with pytest.raises(ValueError, match="make it again"):
            tiny.render(replace(scene, latent=replace(scene.latent, **change)))
    with pytest.raises(ValueError, match="make it again"):  # rows of a seed are no codes
        tiny.render(replace(scene, provenance=Provenance("drag")))
    if not tiny.model.config.indoor:
        looks = (5, *(None,) * 6)
        with pytest.raises(ValueError, match="one look for the whole picture"):
            tiny.render(with_layout(scene, looks=looks))
