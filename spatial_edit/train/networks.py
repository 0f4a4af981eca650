"""Recipes of the two rooms networks: render a pool, train, save with a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spatial_edit.checkpoints import save as save_checkpoint
from spatial_edit.data.rooms.vocabulary import SEMANTIC
from spatial_edit.train.parallel import is_main
from spatial_edit.train.rooms_networks import train_room_network
from spatial_edit.train.scenes import team_pool


@dataclass(frozen=True)
class NetworkRecipe:
    """`which` is "segmenter" or "judge"."""

    which: str
    pool_size: int
    pool_seed: int
    seed: int
    resolution: int = 64
    held_out: int = 512


def train_network(
    recipe: NetworkRecipe, minutes: float, out: Path, resume: bool, say: Callable[[str], None] = print
) -> dict[str, float]:
    """Train on the CPU and save to `out / model`; short enough that `resume` starts again from the cached
    pool. Under torchrun the main process does it alone."""
    pool = team_pool(out / "pool", recipe.pool_size, recipe.pool_seed, recipe.resolution, say)
    if not is_main():
        return {}
    network, report = train_room_network(
        recipe.which,
        (pool.pictures, pool.semantic()),
        minutes,
        recipe.seed,
        classes=SEMANTIC,
        held_out=min(recipe.held_out, recipe.pool_size // 4),
        say=say,
    )
    config = network.config
    assert isinstance(config, dict)
    save_checkpoint(out / "model", network, config)
    (out / "report.json").write_text(json.dumps(report, indent=1))
    return {k: float(v) for k, v in report.items() if isinstance(v, int | float)}
