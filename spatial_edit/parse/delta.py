"""Delta: which weights of the decoder a tuned scene may change, and the check of a delta that came from
outside.

The modulated blocks are taken from the finest resolution down as long as their weights fit into 1 MB of
float16. What blobs mean, the networks that turn a blob's numbers into its vector, stays as it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spatial_edit.generators.blobgan.published_scenes import PublishedScenes
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes

MAX_BYTES = 1_000_000
LARGEST = 16.0  # of a difference; weights are about N(0, 1)
Delta = tuple[tuple[str, Tensor], ...]
Tunable = BlobGenerator | Box3DGenerator | StyleGAN2Scenes | SpatialGANScenes | PublishedScenes


class DeltaError(ValueError):
    """Adapted weights that do not belong to the model; the message is one sentence."""


def decoder_of(generator: Tunable) -> nn.Module:
    """The network whose weights a delta changes."""
    if isinstance(generator, PublishedScenes):
        return generator.model.generator
    if isinstance(generator, StyleGAN2Scenes | SpatialGANScenes):
        return generator.model.synthesis
    return generator.model.decoder


def tunable(generator: Tunable) -> dict[str, Tensor]:
    """The decoder's parameters that a delta may change, by name."""
    parts = "blocks"
    if isinstance(generator, PublishedScenes):
        parts = "convs"
    elif isinstance(generator, StyleGAN2Scenes | SpatialGANScenes):
        parts = "layers"
    blocks = decoder_of(generator).get_submodule(parts)
    assert isinstance(blocks, nn.ModuleList)
    chosen: dict[str, Tensor] = {}
    size = 0
    for number in reversed(range(len(blocks))):
        block = {f"{parts}.{number}.{name}": p for name, p in blocks[number].named_parameters()}
        size += sum(2 * p.numel() for p in block.values())
        if size > MAX_BYTES:
            break
        chosen |= block
    return chosen


def check_delta(generator: Tunable, delta: Delta) -> None:
    """DeltaError unless every name may be tuned, is given once, fits in shape, and all is float16, finite
    and at most 1 MB.
    """
    allowed = tunable(generator)
    names = [name for name, _ in delta]
    if len(set(names)) != len(names):
        raise DeltaError("the scene's adapted weights name a weight twice: parse the photo again")
    for name, difference in delta:
        if name not in allowed:
            raise DeltaError(
                f"the scene adapts {ascii(name)[:60]}, which may not change: parse the photo again"
            )
        if difference.shape != allowed[name].shape or difference.dtype != torch.float16:
            raise DeltaError(
                f"the scene's adapted {name} is {difference.dtype} {tuple(difference.shape)}, not float16 "
                f"{tuple(allowed[name].shape)}: parse the photo again"
            )
        if not bool((difference.abs() <= LARGEST).all()):  # also refuses NaN
            raise DeltaError(f"the scene's adapted {name} is not finite or too large: parse the photo again")
    if (size := bytes_of(delta)) > MAX_BYTES:
        raise DeltaError(
            f"the scene's adapted weights have {size} bytes, at most {MAX_BYTES} may travel: parse it again"
        )


def bytes_of(delta: Delta) -> int:
    """Bytes of the delta's values."""
    return sum(d.numel() * d.element_size() for _, d in delta)
