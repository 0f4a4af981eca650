"""The reference of `bench drag` is the published program's step: points, losses and gradients as recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from spatial_edit.bench.drag_reference import ROWS, ReferenceDrag
from spatial_edit.foreign.formats import stylegan2_build as build
from spatial_edit.foreign.formats.stylegan2_names import NVLABS

CASE = "A_wplus_nomask"  # what is timed: one point, w+, no mask


def test_numbers_of_the_published_step(
    vectors: Callable[[str], dict[str, Tensor]], vector_file: Callable[[str], Path]
) -> None:
    weights, recorded = vectors("draggan/drag256_G"), vectors("draggan/drag256_io")
    case = json.loads(vector_file("draggan/meta.json").read_text())["cases"][CASE]
    for conv in ("conv0", "conv1"):  # beyond the features; not in every copy of the vectors
        weights.setdefault(f"synthesis.b256.{conv}.noise_const", torch.zeros(256, 256))
    config = build.generator_config(weights, NVLABS, clamp=256.0, exact_eps=True)
    kept = build.without_kernels(weights, "resample_filter", "a test")
    synthesis = build.generator(kept, config, NVLABS, "a test").synthesis
    points, targets = torch.tensor(case["points"]), torch.tensor(case["targets"])
    drag = ReferenceDrag(synthesis, recorded["w0"], synthesis.own_noise(), points, targets, case["lr"])
    for number, past in enumerate(case["history"]):
        step = drag.step()
        assert step.points.tolist() == past["points"]
        assert step.loss == pytest.approx(past["loss"], rel=1e-4)
        wanted = recorded[f"{CASE}.grad.{number}"][:, :ROWS]
        assert drag.code.grad is not None
        assert (drag.code.grad - wanted).abs().max() <= 1e-4 * wanted.abs().max()
