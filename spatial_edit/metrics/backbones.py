"""Imported networks in measures: an Inception for the FID, an LPIPS for likeness.

They are folders that `python -m spatial_edit import` wrote, named as an added model or by their path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.checkpoints import load, read_config
from spatial_edit.generators.imported import NAME, added, models_folder
from spatial_edit.metrics.photo import Lpips, lpips_folder
from spatial_edit.nn.backbones import INCEPTION, LPIPS, build_backbone
from spatial_edit.safetensors_header import CheckpointError

Distance = Callable[[Tensor, Tensor], Tensor]  # pictures (B, 3, H, W), twice -> (B,)


@dataclass(frozen=True, eq=False)
class Backbone:
    """A loaded network. kind: "inception", "lpips-vgg", ..; weights: its weights' hash."""

    module: nn.Module
    kind: str
    weights: str


@dataclass(frozen=True, eq=False)
class Likeness:
    """An LPIPS and the network that it is of ("squeeze", "vgg", "alex")."""

    distance: Distance
    network: str


def folder_of(given: str | Path) -> Path:
    """The folder of an added model's name, or of a path. ValueError when there is none."""
    named = models_folder() / str(given)
    if NAME.fullmatch(str(given)) and (named / "config.json").is_file():
        return named
    path = Path(given)
    if (path / "config.json").is_file():
        return path
    raise ValueError(
        f"there is no imported network {str(given)[:60]!r}: give the name of one, or its folder "
        "(python -m spatial_edit import FILE)"
    )


def load_backbone(given: str | Path, kinds: Iterable[str], device: str = "cpu") -> Backbone:
    """The network of a name or folder, in eval mode and frozen.

    ValueError when there is none or it is not of one of `kinds`; CheckpointError when it is damaged.
    """
    folder, kinds = folder_of(given), tuple(kinds)
    kind = str(read_config(folder).get("kind"))
    if kind not in kinds:
        raise ValueError(
            f"{str(given)[:60]} is of the kind {kind[:40]!r}, this needs {' or '.join(kinds)}: import such a "
            "network and give its name"
        )
    module, _, weights = load(folder, build_backbone, device)
    return Backbone(module, kind, weights)


def load_inception(given: str | Path, device: str = "cpu") -> Backbone:
    """An Inception for the FID; errors as `load_backbone`."""
    return load_backbone(given, (INCEPTION,), device)


def load_likeness(given: str | Path | None = None) -> Likeness | None:
    """The LPIPS of a name or folder; where none is given the two files of `lpips_folder`, else the first that
    has been imported, else None."""
    if given is None and lpips_folder() is not None:
        return Likeness(Lpips(), "squeeze")
    given = given or _imported()
    if given is None:
        return None
    found = load_backbone(given, LPIPS)

    @torch.no_grad()
    def distance(first: Tensor, second: Tensor) -> Tensor:
        return found.module(first, second)

    return Likeness(distance, found.kind.removeprefix("lpips-"))


def _imported() -> Path | None:
    """The folder of the first added LPIPS by name."""
    for spec in added().values():
        if spec.family == "backbone" and spec.folder is not None:
            try:
                if read_config(spec.folder).get("kind") in LPIPS:
                    return spec.folder
            except CheckpointError:
                continue
    return None
