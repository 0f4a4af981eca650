"""Background fusion: a map of boxes and retrieved label maps become one conditioning map.

Li et al. 2020 (BachGAN), section 3.3. With the query M, the retrieved maps Ĥ_i, E and E_s = ReLU(conv 3 x 3):

    a_0 = E(M),  a_i = E(Ĥ_i),  m_0 = a_0 + mean(a_1 .. a_m),  m_s+1 = E_s(m_s) + skip

The published network has one stage whose skip is a_0 ("query"); the paper's figure has two whose skip is the
stage's own input m_s ("running"). Deliberately different: any number m of retrieved maps, not three.
"""

from __future__ import annotations

from torch import Tensor, nn

SKIPS = ("query", "running")


class Fusion(nn.Module):
    """boxes (B, C, H, W), retrieved (B, m, C, H, W) with m ≥ 1 -> (B, C, H, W)."""

    def __init__(self, channels: int, stages: int = 1, skip: str = "query") -> None:
        super().__init__()
        if skip not in SKIPS or stages < 1:
            raise ValueError(f"fusion with {stages} stages and skip {skip!r}: use 1 or more, {SKIPS}")
        self.skip = skip
        self.encode = _layer(channels)
        self.stages = nn.ModuleList(_layer(channels) for _ in range(stages))

    def forward(self, boxes: Tensor, retrieved: Tensor) -> Tensor:
        if retrieved.dim() != 5 or not retrieved.shape[1]:
            raise ValueError(
                f"retrieved maps of shape {tuple(retrieved.shape)}: (B, m, C, H, W) with m of 1 or more"
            )
        query = self.encode(boxes)  # (B, C, H, W)

        memory = self.encode(retrieved.flatten(0, 1)).unflatten(0, retrieved.shape[:2])
        fused = query + memory.mean(1)

        for stage in self.stages:
            fused = stage(fused) + (query if self.skip == "query" else fused)
        return fused


def _layer(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
