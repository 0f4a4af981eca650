"""Cuts the recorded vectors of StyleGAN2 down to what the project carries.

    python tests/parity/make_stylegan2_small.py ../shared/parity/stylegan2 tests/data/parity/stylegan2

Inputs and weights stay whole (or whole samples of them); outputs keep their leading corner. The tests compare
the corner that is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

# name -> how much of each leading axis stays; None: all of it
CORNERS: dict[str, dict[str, tuple[int | None, ...]]] = {
    "nv64_io": {
        "const.feat.b32": (1, 16, 16, 16),
        "const.feat.b64": (1, 8, 16, 16),
        "const.rgb.b32": (1, 3, 16, 16),
        "const.rgb.b64": (1, 3, 16, 16),
        "img_const": (2,),
        "img_const_unfused_b0": (1, 3, 32, 32),
        "img_none": (2,),
        "img_none_psi0.7": (1,),
        "r1_grads_b4": (4, 3, 32, 32),
    },
}


def corner(tensor: Tensor, sizes: tuple[int | None, ...]) -> Tensor:
    """The first `sizes` entries of the leading axes."""
    return tensor[tuple(slice(size) for size in sizes)].contiguous()


def main(source: Path, target: Path) -> None:
    for name, corners in CORNERS.items():
        tensors = load_file(source / f"{name}.safetensors")
        save_file(
            {n: corner(t, corners.get(n, ())) for n, t in tensors.items()}, target / f"{name}.safetensors"
        )
    operations = load_file(source / "ops.safetensors")
    first = {n: t[:1].contiguous() if t.dim() == 4 and len(t) == 2 else t for n, t in operations.items()}
    first["styles"] = operations["styles"][:1].contiguous()
    assert all(torch.isfinite(tensor).all() for tensor in first.values())
    save_file(first, target / "ops.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
