"""Networks that others trained and that measures read: which there are, and how a configuration makes one."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from spatial_edit.nn.inception import Inception
from spatial_edit.nn.lpips import Lpips
from spatial_edit.nn.trunks import Trunk, alexnet, squeezenet, vgg16

TRUNKS: dict[str, Callable[[], Trunk]] = {"vgg16": vgg16, "alexnet": alexnet, "squeezenet": squeezenet}
# kind of an LPIPS -> the trunk that it is of
LPIPS = {"lpips-vgg": "vgg16", "lpips-alex": "alexnet", "lpips-squeeze": "squeezenet"}
INCEPTION = "inception"
KINDS = (INCEPTION, *LPIPS, *TRUNKS)


def build_backbone(config: dict) -> nn.Module:
    """An untrained network of config.json; ValueError when that describes none of these."""
    kind = config.get("kind")
    if kind == INCEPTION:
        return Inception()
    if kind in LPIPS:
        return Lpips(TRUNKS[LPIPS[kind]]())
    if kind in TRUNKS:
        return TRUNKS[kind]()
    raise ValueError(f"config.json describes '{str(kind)[:40]}', this loader reads {', '.join(KINDS)}")
