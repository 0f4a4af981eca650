"""The recipes by name. Each function returns a complete configuration; a derived one calls its base and
changes fields."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from spatial_edit.generators.blobgan.compact import CompactConfig
from spatial_edit.generators.blobgan.flow import FlowConfig
from spatial_edit.generators.blobgan.published import PublishedConfig
from spatial_edit.generators.stylegan2 import StyleGAN2Config
from spatial_edit.train.adversarial import AdversaryRecipe
from spatial_edit.train.blobgan_decoder import DecoderRecipe
from spatial_edit.train.blobgan_detector import DetectorRecipe
from spatial_edit.train.blobgan_four_terms import FourTermsRecipe, train_four_terms
from spatial_edit.train.blobgan_joint import JointRecipe
from spatial_edit.train.blobgan_layout import LayoutRecipe
from spatial_edit.train.blobgan_published import PublishedRecipe, train_published
from spatial_edit.train.box3d_pipeline import (
    box3d_rooms_M,
    box3d_rooms_S,
    box3d_rooms_toy,
    train_box3d,
)
from spatial_edit.train.box3d_reader_run import box3d_reader, train_reader
from spatial_edit.train.networks import NetworkRecipe, train_network
from spatial_edit.train.parallel import accelerator
from spatial_edit.train.rooms_pipeline import RoomsRecipe, train_rooms
from spatial_edit.train.spatial_recipes import SPATIAL_RECIPES
from spatial_edit.train.stylegan2_rooms import StyleGAN2Recipe, train_stylegan2

SMALL_CHANNELS = ((4, 48), (8, 48), (16, 32), (32, 24))  # of a toy's discriminator


def blobgan_rooms_S() -> RoomsRecipe:
    """64 px, 12,288 rooms, two CPU cores, 75 to 100 minutes. Its scores are on the card of
    checkpoints/blobgan-rooms."""
    return RoomsRecipe()


def blobgan_rooms_M() -> RoomsRecipe:
    """128 px, 60,000 rooms, wider, for one GPU with 80 GB or more and 24 minutes. Not yet run."""
    config = CompactConfig(
        resolution=128, feature=40, hidden=192, widths=((8, 192), (16, 192), (32, 128), (64, 64), (128, 32))
    )
    base = blobgan_rooms_S()
    channels = ((4, 192), (8, 192), (16, 192), (32, 128), (64, 64), (128, 32))
    decoder = replace(base.decoder, config=config, batch=128, perceptual=3.0)
    return replace(
        base,
        decoder=decoder,
        joint=replace(
            base.joint,
            decoder=replace(base.joint.decoder, config=config, batch=64),
            adversary=AdversaryRecipe(channels=channels),
            fakes=64,
        ),
        detector=replace(base.detector, config=config, batch=256),
        pool_size=60_000,
    )


def blobgan_rooms_toy() -> RoomsRecipe:
    """32 px, 192 rooms, under a minute on two CPU cores: proves that the loop learns, not that rooms look
    good."""
    config = CompactConfig(
        resolution=32,
        code=8,
        background_code=8,
        feature=16,
        modulation=16,
        hidden=48,
        encoder_width=8,
        widths=((8, 32), (16, 32), (32, 16)),
    )
    flow = FlowConfig(components=32, hidden=64, blocks=2, steps=6)
    decoder = DecoderRecipe(config=config, batch=16)
    return RoomsRecipe(
        decoder=decoder,
        layout=LayoutRecipe(flow=flow, batch=128),
        joint=JointRecipe(decoder=decoder),
        detector=DetectorRecipe(config=config, width=8, batch=32),
        pool_size=192,
        perceptual=False,
        images={"decoder": 2_400, "layout": 25_600, "detector": 1_600},
        report_seconds=1e9,
    )


def stylegan2_rooms_S() -> StyleGAN2Recipe:
    """The baseline at 64 px: as many parameters as flow and decoder of blobgan_rooms_S, the same pool and
    D."""
    return StyleGAN2Recipe()


def stylegan2_rooms_toy() -> StyleGAN2Recipe:
    """The baseline at 32 px with 192 rooms, under a minute."""
    channels = ((4, 16), (8, 16), (16, 16), (32, 8))
    return StyleGAN2Recipe(
        config=StyleGAN2Config.tiny(),
        adversary=AdversaryRecipe(channels=channels),
        pool_size=192,
        images=640,
    )


def blobgan_published() -> PublishedRecipe:
    """The paper's recipe, unchanged: 256 px, K = 10, batch 24 on each of 8 A100, 1.5 million steps (288
    million pictures), about four weeks a model (Epstein et al. 2022, appendix E). Your own photos:
    `--set photos=FOLDER`, which may be a zip; the paper used LSUN bedrooms. Not yet run."""
    return PublishedRecipe(images=288_000_000)


def small_published() -> PublishedConfig:
    """A published network for tests: 32 px, six blobs, 70 thousand parameters."""
    return PublishedConfig(
        resolution=32,
        blobs=6,
        noise_dim=32,
        feature_dim=32,
        style_dim=24,
        hidden_dim=64,
        mlp_layers=4,
        size_in=8,
        c_model=4,
    )


def blobgan_published_toy() -> PublishedRecipe:
    """The paper's recipe on 192 rooms at 32 px with a small network, seconds on one CPU core: proves that the
    recipe runs, not that it learns."""
    return replace(
        blobgan_published(),
        config=small_published(),
        channels=SMALL_CHANNELS,
        batch=16,
        decay=0.98,  # the published half-life of 312 steps is longer than this whole run
        pool_size=192,
        images=480,
        quiet=True,
    )


def blobgan_rooms_four_terms_toy() -> FourTermsRecipe:
    """An ablation row, not the paper's loss: adversarial plus reconstruction, diversity and disentanglement
    (see `blobgan_four_terms`), on the network of blobgan_published_toy. Measured in docs/log.md."""
    base = blobgan_published_toy()
    values = {f.name: getattr(base, f.name) for f in dataclasses.fields(base)}
    return FourTermsRecipe(**values)


def rooms_segmenter() -> NetworkRecipe:
    """The network inside losses; 6 minutes of one core at 64 px."""
    return NetworkRecipe("segmenter", pool_size=12_288, pool_seed=100_000, seed=1)


def rooms_judge() -> NetworkRecipe:
    """The network that measures: other architecture, other rooms, other seed; 10 minutes of one core at 64
    px."""
    return NetworkRecipe("judge", pool_size=6_144, pool_seed=500_000, seed=7)


RECIPES: dict[str, tuple[Callable[[], Any], Callable[..., dict[str, float]]]] = {
    "blobgan_rooms_toy": (blobgan_rooms_toy, train_rooms),
    "blobgan_rooms_S": (blobgan_rooms_S, train_rooms),
    "blobgan_rooms_M": (blobgan_rooms_M, train_rooms),
    "stylegan2_rooms_toy": (stylegan2_rooms_toy, train_stylegan2),
    "stylegan2_rooms_S": (stylegan2_rooms_S, train_stylegan2),
    "blobgan_published": (blobgan_published, train_published),
    "blobgan_published_toy": (blobgan_published_toy, train_published),
    "blobgan_rooms_four_terms_toy": (blobgan_rooms_four_terms_toy, train_four_terms),
    "box3d_rooms_toy": (box3d_rooms_toy, train_box3d),
    "box3d_rooms_S": (box3d_rooms_S, train_box3d),
    "box3d_rooms_M": (box3d_rooms_M, train_box3d),
    "box3d_reader": (box3d_reader, train_reader),
    "rooms_segmenter": (rooms_segmenter, train_network),
    "rooms_judge": (rooms_judge, train_network),
    **SPATIAL_RECIPES,
}


def run_recipe(
    name: str,
    *,
    minutes: float = 1.0,
    resume: bool = False,
    overrides: dict[str, object] | None = None,
    out: Path | None = None,
    cpu: bool = False,
) -> dict[str, float]:
    """Train a recipe by name for about `minutes`; results and checkpoint go to `out` (default runs/<name>).

    overrides: field names of the recipe to other values, nested ones with dots ("decoder.learning_rate").
    cpu: no GPU even where there is one.
    ValueError for an unknown recipe or field.
    """
    if name not in RECIPES:
        raise ValueError(f"there is no recipe '{name}': choose one of {listed(RECIPES)}")
    if not 0 < minutes < 100_000:
        raise ValueError(f"minutes must be more than 0, got {minutes!r}")
    make, train = RECIPES[name]
    recipe = make()
    for path, value in (overrides or {}).items():
        recipe = override(recipe, path.split("."), value)
    folder = Path("runs") / name if out is None else Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    accelerator(cpu)  # decides the device for the whole run
    return train(recipe, minutes, folder, resume, _say)


def listed(names: Iterable[str]) -> str:
    """The names in fewer words: cats_{toy, S} for cats_toy and cats_S, and ablations by their rows."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in names:
        start, line, end = name.rpartition("_")
        if "_ablation_" in name:
            start, _, row = start.rpartition("_ablation_")
            groups.setdefault((f"{start}_ablation_", f"_{end}"), []).append(row)
        else:
            groups.setdefault((start + line, ""), []).append(end)
    return ", ".join(
        f"{start}{{{', '.join(ends)}}}{rest}" if len(ends) > 1 else f"{start}{ends[0]}{rest}"
        for (start, rest), ends in groups.items()
    )


def _say(text: str) -> None:
    """Progress goes to standard error: standard output is for the figures."""
    print(text, file=sys.stderr, flush=True)


def override(recipe: Any, path: list[str], value: object) -> Any:
    """The recipe with one field replaced; the value must be of the field's kind."""
    names = [f.name for f in dataclasses.fields(recipe)] if dataclasses.is_dataclass(recipe) else []
    if path[0] not in names:
        raise ValueError(f"the recipe has no field '{path[0]}': choose one of {', '.join(names) or '(none)'}")
    old = getattr(recipe, path[0])
    if len(path) > 1:
        return replace(recipe, **{path[0]: override(old, path[1:], value)})
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if old is not None and type(value) is not type(old):
        raise ValueError(f"the field '{path[0]}' is a {type(old).__name__}, got {value!r}")
    return replace(recipe, **{path[0]: value})
