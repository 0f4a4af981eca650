"""Training: recipes that run on a CPU, on one GPU, or under torchrun."""

from __future__ import annotations

from typing import Any


def run_recipe(name: str, **options: Any) -> dict[str, float]:
    """Train a recipe by name; see `spatial_edit.train.recipes.run_recipe`."""
    from spatial_edit.train.recipes import run_recipe as run

    return run(name, **options)


__all__ = ["run_recipe"]
