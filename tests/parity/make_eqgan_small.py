"""Cuts tests/data/parity/eqgan/eq64_small.safetensors out of the recorded vectors of EqGAN-SA.

    python tests/parity/make_eqgan_small.py ../shared/parity/eqgan tests/data/parity/eqgan

It keeps what checks the parts that are EqGAN's own and is small: the parameters of the heatmaps, one
projection and one encoding with their weights (sample 0), the attention of the coarsest level, and the
convolution with a style for every pixel. The values are those of the recorded files, bit for bit.
"""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

LAYER = "synthesis.b16.conv0.sel."
INPUTS = ("hm.centers_yx", "hm.sigma1", "hm.l2_delta_yx", "hm.l3_delta_yx", "hm.sigma2", "hm.sigma3")
NUMBERS = ("sel_b16conv0.x", "sel_b16conv0.out", "d_feat.b8", "gradcam_weight.b8", "attention.b8", "align.b8")


def main(source: Path, target: Path) -> None:
    io, weights = load_file(source / "eq64_io.safetensors"), load_file(source / "eq64_G.safetensors")
    kept = {name: io[name] for name in (*INPUTS, *NUMBERS)}
    kept |= {name: tensor for name, tensor in io.items() if name.startswith("spatial.")}
    for name, tensor in weights.items():
        own = name.startswith((LAYER, "synthesis.hm_conv0_b32.", "synthesis.hm_conv1_b32."))
        if own and not name.endswith("resample_filter"):
            kept[name] = tensor
    target.mkdir(parents=True, exist_ok=True)
    save_file(kept, target / "eq64_small.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
