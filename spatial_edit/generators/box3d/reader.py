"""Reader: a picture to the vector of a whole room (`vector`), in one pass.

The trunk is a network of the segmenter's shape that says which of the 26 slots or five surfaces every pixel
shows. Each slot then becomes a token of what lies under its soft mask: pooled features, mean colour and its
spread, the mask's outline along both axes; the room is one more token, of the coarsest map and the surfaces'
colours. Two layers of attention let them agree, and every entry of the vector is a linear function of its own
token: a number in units of its spread over the training rooms, or a logit for presences, facings, textures.
Nothing here depends on a generator's weights, so both can change apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.box3d.parts import MAX_PARTS, TEXTURES, BoxBatch
from spatial_edit.generators.box3d.rays import SHELL
from spatial_edit.generators.box3d.snap import snap
from spatial_edit.generators.box3d.vector import (
    GEOMETRY,
    LENGTH,
    PART_VECTOR,
    SLOT_VECTOR,
    SLOTS,
    SURFACE_VECTOR,
    Codebook,
    entries,
    unpack,
)
from spatial_edit.nn.segmenter import STRIDE, Segmenter

FOLDER_NAME = "box3d-reader"
NUMBER, FLAG, SIGN = range(3)  # how an entry is told: a number, a one-hot or flag in 0..1, a presence ±1
TOKENS = SLOTS + 1
_loaded: dict[tuple[str, str], RoomReader] = {}


@dataclass(frozen=True)
class ReaderConfig:
    """Sizes; `entries` is how many entries of the vector vary."""

    entries: int
    resolution: int = 64
    widths: tuple[int, int, int, int] = (24, 48, 96, 128)
    top: tuple[int, int] = (64, 48)
    token: int = 160
    layers: int = 2
    squeezed: int = 16

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "box3d reader", **asdict(self)}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> ReaderConfig:
        """ValueError when it describes another kind of network or lacks a field."""
        if data.get("kind") != "box3d reader":
            raise ValueError(f"config.json describes a {data.get('kind')!r}, not a reader of rooms")
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "kind"
        }
        try:
            return ReaderConfig(**fields)
        except TypeError as error:
            raise ValueError(f"config.json is incomplete or has unknown fields: {error}") from error


class Reading(NamedTuple):
    """Of B pictures: raw (B, K) answers for the entries that vary, masks (B, 31, R/2, R/2) logits of the
    slots, then the surfaces."""

    raw: Tensor
    masks: Tensor


class RoomReader(nn.Module):
    """Pictures (B, 3, R, R) in [-1, 1] to rooms; R is its own resolution, others are resampled."""

    kinds: Tensor
    tokens: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = c = config
        side, width = c.resolution // 2, c.token
        self.trunk = Segmenter(c.widths, SLOTS + SHELL, c.top)
        self.squeeze = nn.Conv2d(c.widths[3], c.squeezed, 1)
        self.slots = nn.Parameter(0.5 * torch.randn(TOKENS, width))
        self.enter = nn.Linear(c.top[1] + 6 + 2 * side + 1, width)
        self.enter_room = nn.Linear(c.squeezed * (c.resolution // STRIDE) ** 2 + 7 * SHELL, width)
        self.layers = nn.ModuleList([Layer(width) for _ in range(c.layers)])
        self.leave = nn.LayerNorm(width)
        self.weight = nn.Parameter(torch.randn(c.entries, width) / width**0.5)
        self.bias = nn.Parameter(torch.zeros(c.entries))
        self.book = Codebook(c.entries)
        self.register_buffer("kinds", torch.zeros(c.entries, dtype=torch.int64))
        self.register_buffer("tokens", torch.zeros(c.entries, dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(c.entries))
        self.register_buffer("spread", torch.ones(c.entries))

    def forward(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Reading:
        """`dtype` is that of the trunk; everything else is float32."""
        side = self.config.resolution
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"the reader takes pictures (B, 3, H, W), got {tuple(images.shape)}")
        if images.shape[-2:] != (side, side):
            images = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            fine, coarse = self.trunk.merged(images)  # (B, top, R/2, R/2), (B, widths[3], R/8, R/8)
            masks = self.trunk.head(fine).float()
            squeezed = self.squeeze(coarse).float()

        x = self._tokens(images, fine.float(), squeezed, masks.softmax(1)) + self.slots
        for layer in self.layers:
            x = layer(x)
        x = self.leave(x)  # (B, 27, token)
        raw = (x[:, self.tokens] * self.weight).sum(-1) + self.bias
        return Reading(raw, masks)

    def _tokens(self, images: Tensor, fine: Tensor, squeezed: Tensor, share: Tensor) -> Tensor:
        """(B, 27, token): every slot's, then the room's."""
        small = F.avg_pool2d(images, 2)
        flat = share.flatten(2)
        mass = flat.sum(-1, keepdim=True) + 1.0  # (B, 31, 1)
        under = flat @ torch.cat([fine, small, small.square()], 1).flatten(2).transpose(1, 2) / mass
        colours = under[..., -6:]
        spread = (colours[..., 3:] - colours[..., :3].square()).clamp(min=0)
        under = torch.cat([under[..., :-3], spread], -1)
        outline = torch.cat([share.sum(-1), share.sum(-2)], -1).sqrt() / 2  # (B, 31, 2 · R/2)
        told = torch.cat([under, outline, mass.log() / 4], -1)
        slots = self.enter(told[:, :SLOTS])
        surfaces = torch.cat([under[:, SLOTS:, -6:], mass[:, SLOTS:].log() / 4], -1)
        room = self.enter_room(torch.cat([squeezed.flatten(1), surfaces.flatten(1)], 1))
        return torch.cat([slots, room[:, None]], 1)

    def values(self, raw: Tensor) -> Tensor:
        """(B, K) entries as `vector.pack` writes them: numbers in their units, shares of one-hots, presences
        between -1 and 1."""
        chance = raw.sigmoid()
        number = raw * self.spread + self.mean
        return torch.where(
            self.kinds == NUMBER, number, torch.where(self.kinds == FLAG, chance, 2 * chance - 1)
        )

    @torch.no_grad()
    def vectors(self, images: Tensor) -> Tensor:
        """(B, LENGTH) whole vectors of pictures."""
        return self.book.restore(self.values(self(images).raw))

    @torch.no_grad()
    def read(self, images: Tensor) -> BoxBatch:
        """The rooms of pictures, everything in its place (`snap`)."""
        return snap(unpack(self.vectors(images)))

    def learn(self, book: Codebook, vectors: Tensor, masks: Tensor) -> None:
        """Take the codebook of training vectors, and mean and spread of its entries (N, K)."""
        self.book.load_state_dict(book.state_dict())
        place = entries()
        self.kinds.copy_(kinds_of_entries()[book.kept])
        self.tokens.copy_(torch.where(place.slots < 0, SLOTS, place.slots)[book.kept])
        count = masks.sum(0).clamp(min=1)
        mean = (vectors * masks).sum(0) / count
        self.mean.copy_(mean)
        self.spread.copy_((((vectors - mean) * masks).square().sum(0) / count).sqrt().clamp(min=1e-3))


class Layer(nn.Module):
    """Attention among the tokens, then an MLP, each on normalised tokens and added to them."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        b, n, width = x.shape
        q, k, v = self.mix(self.norm(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, width)
        x = x + self.out(mixed)
        return x + self.mlp(self.norm2(x))


def kinds_of_entries() -> Tensor:
    """(LENGTH,) NUMBER, FLAG or SIGN of every entry of a vector."""
    slot = torch.full((SLOT_VECTOR,), NUMBER)
    slot[0], slot[1:5] = SIGN, FLAG
    part = torch.full((PART_VECTOR,), NUMBER)
    part[0], part[13 : 13 + TEXTURES], part[-1] = SIGN, FLAG, FLAG
    slot[GEOMETRY:] = part.repeat(MAX_PARTS)
    surface = torch.full((SURFACE_VECTOR,), NUMBER)
    surface[:TEXTURES] = FLAG
    before, lights = torch.full((3 + 6 + 15,), NUMBER), torch.full((22,), NUMBER)
    kinds = torch.cat([slot.repeat(SLOTS), before, surface.repeat(SHELL), lights])
    assert len(kinds) == LENGTH
    return kinds


def load_reader(folder: Path | None = None, device: str = "cpu") -> RoomReader:
    """The bundled reader, loaded once a process and device; CheckpointError (a ValueError) when it is missing
    or broken."""
    from spatial_edit.checkpoints import load
    from spatial_edit.generators.registry import CHECKPOINTS

    folder = folder or CHECKPOINTS / FOLDER_NAME
    key = (str(folder), device)
    if key not in _loaded:
        reader, _, _ = load(folder, lambda c: RoomReader(ReaderConfig.from_dict(c)), device)
        assert isinstance(reader, RoomReader)
        _loaded[key] = reader
    return _loaded[key]
