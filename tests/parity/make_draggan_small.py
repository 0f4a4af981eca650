"""Cuts the recorded vectors of DragGAN down to what the project carries.

    python tests/parity/make_draggan_small.py ../shared/parity/draggan tests/data/parity/draggan

The drag ends at the block of 128 px, so that the noise of 256 px stays behind; the test puts zeros there. Of
the features the leading corner stays.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

DROPPED = ("synthesis.b256.conv0.noise_const", "synthesis.b256.conv1.noise_const")


def main(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    weights = load_file(source / "drag256_G.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if name not in DROPPED}
    save_file(kept, target / "drag256_G.safetensors")
    values = load_file(source / "drag256_io.safetensors")
    values.pop("img0")
    values["feat5_0"] = values["feat5_0"][..., :32, :32].contiguous()
    save_file(values, target / "drag256_io.safetensors")
    shutil.copyfile(source / "meta.json", target / "meta.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
