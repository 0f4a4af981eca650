"""Cuts the recorded vectors of BachGAN down to what is bundled: python tests/parity/cut_bachgan.py FOLDER

FOLDER holds layers.safetensors and retrieval.safetensors as recorded. Written: tests/data/parity/bachgan/
layers_cut.safetensors (the SPADE block without a projection, its inputs, the fusion with its gradients) and
retrieval_cut.safetensors (the first four Cityscapes queries; edges). Values are copied bit for bit.
"""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parents[1] / "data" / "parity" / "bachgan"
LAYERS = ("block.ident.", "fusion.", "spade.in.x", "spade.in.seg_int")
QUERIES = 4
PER_QUERY = ("city.query.instance", "city.query.painted", "city.score", "city.top6")


def main(folder: Path) -> None:
    layers = load_file(folder / "layers.safetensors")
    retrieval = load_file(folder / "retrieval.safetensors")
    kept = {name: retrieval[name][:QUERIES].contiguous() for name in PER_QUERY}
    kept |= {name: retrieval[name] for name in ("city.memory.label", "edges.in", "edges.out")}
    HERE.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: t for name, t in layers.items() if name.startswith(LAYERS)},
        HERE / "layers_cut.safetensors",
    )
    save_file(kept, HERE / "retrieval_cut.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
