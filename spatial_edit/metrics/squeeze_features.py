"""What measures on photos look through: the convolutions of SqueezeNet 1.1 (Iandola et al. 2016), which are
the trunk of LPIPS too.

A picture's features are the activations of the last module (number 12, after its ReLU), averaged over the
map's pixels: 512 numbers, what the network's own classifier reads. Pictures go in at their own side, scaled
as LPIPS scales them (`nn.lpips`). The weights are not part of the project; whoever has them imports them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from spatial_edit.checkpoints import read_config
from spatial_edit.metrics.backbones import folder_of, load_backbone
from spatial_edit.metrics.photo import TRUNK, lpips_folder
from spatial_edit.nn.lpips import MIN_SIDE, SCALE, SHIFT, Lpips
from spatial_edit.nn.trunks import Trunk, squeezenet

KINDS = ("squeezenet", "lpips-squeeze")
WIDTH = 512
FEATURES = "SqueezeNet 1.1, last map, mean"
MISSING = (
    "photos are compared by SqueezeNet 1.1's features: python -m spatial_edit import FILE (torchvision's "
    "squeezenet1_1, or an LPIPS on it) and give the name with --backbone"
)


class SqueezeReader(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1], H and W at least 32, -> (B, 512): a `features.Reader`."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk.eval().requires_grad_(False)

    def features(self, images: Tensor) -> Tensor:
        if min(images.shape[2:]) < MIN_SIDE:
            raise ValueError(
                f"SqueezeNet needs sides of at least {MIN_SIDE} pixels, got {tuple(images.shape)}"
            )
        shift, scale = (images.new_tensor(v)[None, :, None, None] for v in (SHIFT, SCALE))
        return self.trunk((images - shift) / scale)[-1].mean((2, 3))


@dataclass(frozen=True, eq=False)
class Squeeze:
    """A reader, and the hash of its trunk's values: the same for every file that holds this trunk."""

    reader: SqueezeReader
    weights: str


def load_squeeze(given: str | Path | None = None, device: str = "cpu") -> Squeeze:
    """The trunk of an imported network, by name or folder; where none is given that of `lpips_folder`.

    ValueError, saying how to get one, when there is none; as `load_backbone` for another kind of network.
    """
    if given is not None:
        module = load_backbone(given, KINDS, device).module
        trunk = module.trunk if isinstance(module, Lpips) else module
    else:
        trunk = _beside().to(device)
    assert isinstance(trunk, Trunk)
    return Squeeze(SqueezeReader(trunk), trunk_hash(trunk))


def is_squeeze(given: str | Path) -> bool:
    """Whether there is an imported network of this name or folder that measures on photos look through.
    CheckpointError for a damaged one."""
    try:
        folder = folder_of(given)
    except ValueError:
        return False
    return read_config(folder).get("kind") in KINDS


def trunk_hash(trunk: Trunk) -> str:
    """16 hex digits of the weights' names and values, rounded to float16: a file may hold no more."""
    digest = hashlib.sha256()
    for name, tensor in sorted(trunk.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().half().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _beside() -> Trunk:
    """The trunk in the folder of the LPIPS weights."""
    from safetensors.torch import load_file

    folder = lpips_folder()
    if folder is None:
        raise ValueError(MISSING)
    trunk = squeezenet()
    trunk.load_state_dict(load_file(folder / TRUNK))
    return trunk
