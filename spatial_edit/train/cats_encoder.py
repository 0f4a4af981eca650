"""The encoder of photos for a SpatialGAN of cats: supervised, on the generator's own training set.

    loss = mean of s_i |z - z_i|^2 + 20 mean |centres - c_i| + mean |log zoom|

s: how much each component matters (`FramedSet.scale`). The last 256 photos are never trained on; errors on
them are in the metrics.

    python -c "from spatial_edit.train.cats_encoder import build; build('PHOTOS', 5)"
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.checkpoints import save
from spatial_edit.data.photos import Photos
from spatial_edit.generators.spatialgan.encoder import (
    FOLDER_NAME,
    EncoderConfig,
    PhotoEncoder,
    Reading,
    encoder_to_json,
)
from spatial_edit.train.cats_recipe import SIGMAS, CatsRecipe
from spatial_edit.train.ema import Ema
from spatial_edit.train.framed_set import FramedSet, framed_set
from spatial_edit.train.loop import Plan, run
from spatial_edit.train.parallel import all_finite, device_of
from spatial_edit.train.scenes import as_float, contact_sheet

HELD_OUT = 256  # photos
CENTRES_WEIGHT = 20.0
CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"


class CatsEncoderTask:
    """A `Task` for the loop. photos: how many the set was made of."""

    def __init__(
        self, data: FramedSet, photos: int, *, batch: int = 64, rate: float = 1e-3, seed: int = 0
    ) -> None:
        self.data, self.batch, self.rate = data, batch, rate
        photo = torch.arange(len(data)) % photos
        held = min(HELD_OUT, photos // 4)
        self.known, self.held = (
            (photo < photos - held).nonzero()[:, 0],
            (photo >= photos - held).nonzero()[:, 0],
        )
        self.centres = torch.cat([level.centres for level in data.levels], 1)  # (N, n, 2)
        self.zoom = data.levels[0].sigmas[:, 0] / SIGMAS[0]
        torch.manual_seed(seed)
        config = EncoderConfig(data.z.shape[1], self.centres.shape[1], data.pictures.shape[-1])
        network = PhotoEncoder(config)
        with torch.no_grad():  # it begins with the mean picture's places
            network.head.bias[config.z_dim : -1] = (self.centres.mean(0) - 0.5).flatten()
        self.modules: dict[str, nn.Module] = {"encoder": network}
        self.averages = {"encoder": Ema(network)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "encoder": torch.optim.AdamW(network.parameters(), rate, (0.9, 0.99), weight_decay=0.02)
        }
        self.generator = torch.Generator().manual_seed(seed)

    def loss(self, index: Tensor, network: nn.Module) -> tuple[Tensor, dict[str, Tensor]]:
        """Of some pictures of the set; its parts, of which `z` is in z's own deviations."""
        device = device_of(network)
        read: Reading = network(as_float(self.data.pictures[index]).to(device))
        z, centres, zoom = (t[index].to(device) for t in (self.data.z, self.centres, self.zoom))
        apart = (read.z - z).square().mean(0)
        matter = self.data.scale.to(device).square()
        places = (read.centres - centres).abs().mean()
        width = (read.zoom.log() - zoom.log()).abs().mean()
        loss = (apart * matter).sum() / matter.sum() + CENTRES_WEIGHT * places + width
        parts = {"z": (apart * matter).sum() / matter.sum(), "centres": places, "zoom": width}
        return loss, {name: part.detach() for name, part in parts.items()}

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        """A batch of the known pictures; the rate warms for 30 steps and falls to nothing as a cosine."""
        optimiser, network = self.optimisers["encoder"], self.modules["encoder"]
        warm = min(1.0, (images + self.batch) / (30 * self.batch))
        falling = 0.5 * (1 + torch.cos(torch.tensor(min(progress, 1.0) * torch.pi)).item())
        for group in optimiser.param_groups:
            group["lr"] = self.rate * warm * falling
        chosen = torch.randint(len(self.known), (self.batch,), generator=self.generator)
        loss, parts = self.loss(self.known[chosen], network)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()
        return {"loss": loss.detach(), **parts}

    @torch.no_grad()
    def sheet(self) -> Tensor:
        """Held-out pictures with the centres that were read in them, as dots."""
        network = self.averages["encoder"].module
        index = self.held[:: max(1, len(self.held) // 32)][:32]
        pictures = as_float(self.data.pictures[index])
        side = pictures.shape[-1]
        places = network(pictures.to(device_of(network))).centres.cpu()
        for picture, dots in zip(pictures, places, strict=True):
            for x, y in (dots * side).long().clamp(1, side - 2).tolist():
                picture[:, y - 1 : y + 1, x - 1 : x + 1] = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
        return contact_sheet(pictures, 8, enlarge=2)

    @torch.no_grad()
    def metrics(self) -> dict[str, float]:
        """Errors on the held-out photos: z's (1: nothing was learned), and of the centres, in sides."""
        network = self.averages["encoder"].module
        sums: dict[str, float] = {}
        for index in self.held.split(256):
            _, parts = self.loss(index, network)
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + float(part) * len(index)
        return {f"held_out_{name}": round(total / len(self.held), 5) for name, total in sums.items()}


def build(
    photos: str | Path,
    minutes: float,
    folder: Path = CHECKPOINTS / "spatialgan-cats" / FOLDER_NAME,
    work: Path = Path("runs") / "cats-encoder",
    recipe: CatsRecipe | None = None,
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> str:
    """Frame the photos as `recipe` does for the generator, train for `minutes`, and save the averaged weights
    into `folder`; returns their hash. ValueError for a recipe without a heatmap."""
    recipe = recipe or CatsRecipe()
    if recipe.spatial is None:
        raise ValueError("an encoder of photos belongs to a model with a heatmap: this recipe has none")
    pictures = Photos(photos, 2 * recipe.resolution).tensor()
    task = CatsEncoderTask(framed_set(pictures, recipe), len(pictures))
    run(task, Plan(work, minutes=minutes, resume=resume))
    encoder = task.averages["encoder"].module
    assert isinstance(encoder, PhotoEncoder)
    say(", ".join(f"{name} {value}" for name, value in task.metrics().items()))
    return save(folder, encoder, encoder_to_json(encoder.config))
