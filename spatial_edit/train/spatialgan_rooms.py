"""SpatialGAN on rooms: several objects, each with a sub-heatmap and a style code of its own (Wang et al.
2023, equation 3), and a background code.

Supervised by layouts: the centres come from ground truth, and so do the sizes. Every room is known in layers
(`data.rooms.layers`), and a batch shows it in four ways: as it is, with an object moved (its pixels pasted
elsewhere onto the room without it, its sub-heatmap moved alike), without an object (its sub-heatmap gone),
and bare. z are the whitened principal components of the bare room, an object's latent those of its cut-out;
so neither can say where an object is.

Stages and losses are those of `cats`; the alignment loss is the multi-object minimum (equation 5). Rooms from
a seed: z, latents and layout together from one normal distribution that the training set has measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.data.rooms.layers import OBJECTS, RoomLayers
from spatial_edit.generators.spatialgan.attention import aligned_objects
from spatial_edit.generators.spatialgan.levels import Centres, Levels, on
from spatial_edit.generators.spatialgan.network import SpatialConfig, SpatialGAN
from spatial_edit.generators.spatialgan.prior import Joint
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.nn.stylegan2 import BlockOutput
from spatial_edit.train.adversarial import Verdict
from spatial_edit.train.cats import CatsTask, hear
from spatial_edit.train.cats_adversarial import CatsAdversarialTask
from spatial_edit.train.cats_recipe import CatsRecipe
from spatial_edit.train.framed_set import Components, FramedSet
from spatial_edit.train.parallel import device_of
from spatial_edit.train.scenes import as_float

CROP = 24  # pixels a side of a cut-out
FIELDS = 4  # of an object in the joint distribution beside its latent: presence, x, y, log sigma
WAYS = (0.3, 0.8, 0.92)  # of showing a room, cumulative: as it is, moved, without one; else bare


def _spatial() -> SpatialConfig:
    return SpatialConfig(
        channels={4: 96, 8: 96, 16: 96, 32: 64, 64: 32},
        z_dim=64,
        centres=(len(OBJECTS),),
        indoor=True,
        encoded=64,
        slopes=True,
        object_dim=24,
        prior=Joint(),
    )


@dataclass(frozen=True)
class RoomsObjectsRecipe(CatsRecipe):
    """Both stages."""

    spatial: SpatialConfig | None = _spatial()
    rooms: int = 3_072
    pool_seed: int = 100_000
    move: float = 0.16  # of a side: how far a pasted object goes at most along each axis
    perceptual: float = 3.0


@dataclass(frozen=True, eq=False)
class ObjectSet:
    """The layers, and of each room its z (N, z_dim) and its objects' latents (N, n, object_dim)."""

    layers: RoomLayers
    z: Tensor
    latents: Tensor
    scale: Tensor  # (z_dim,) how much each entry of z matters
    object_scale: Tensor  # (object_dim,)

    def __len__(self) -> int:
        return len(self.layers)


@torch.no_grad()
def object_set(layers: RoomLayers, recipe: RoomsObjectsRecipe) -> ObjectSet:
    """The training set of rooms in layers."""
    assert recipe.spatial is not None
    bare = as_float(layers.bare)
    ground = Components(bare, recipe.z_dim, recipe.seed)
    cuts = torch.cat([cut_outs(layers[i : i + 64]) for i in range(0, len(layers), 64)])  # (N, n, ..)
    latents = torch.zeros(*layers.there.shape, recipe.spatial.object_dim)
    scales = []
    for number in range(layers.there.shape[1]):
        has = layers.there[:, number]
        own = Components(cuts[has, number], recipe.spatial.object_dim, recipe.seed)
        latents[has, number] = own(cuts[has, number])
        scales.append(own.scale / own.scale.square().mean().sqrt())
    scale = ground.scale / ground.scale.square().mean().sqrt()
    return ObjectSet(layers, ground(bare), latents, scale, torch.stack(scales).mean(0))


def cut_outs(layers: RoomLayers) -> Tensor:
    """(N, n, 5, CROP, CROP): each object's pixels and mask on a square around its centre, 5 sigma wide, and
    the logarithm of sigma as a map."""
    whole, masks = as_float(layers.whole), layers.masks.float()
    result = []
    for number in range(masks.shape[1]):
        mask = masks[:, number : number + 1]
        axis = (torch.arange(CROP) + 0.5) / CROP * 2 - 1
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        reach = 2.5 * layers.sigmas[:, number].clamp(min=0.01)
        grid = torch.stack([x, y], -1) * reach[:, None, None, None] + layers.centres[:, None, None, number]
        both = torch.cat([whole * mask, mask * 2], 1)
        cut = F.grid_sample(both, grid * 2 - 1, "bilinear", "zeros", align_corners=False)
        size = reach.log()[:, None, None, None].expand(-1, 1, CROP, CROP)
        result.append(torch.cat([cut, size], 1))
    return torch.stack(result, 1)


class RoomsObjectsTask(CatsTask):
    """Stage 1; a `Task` for the loop. z and the objects' latents travel as one vector (B, z_dim + n * d)."""

    recipe: RoomsObjectsRecipe

    def __init__(self, recipe: RoomsObjectsRecipe, data: ObjectSet, segmenter: Segmenter | None) -> None:
        super().__init__(recipe, _as_framed(data), segmenter)
        self.objects = data
        network = self.modules["generator"]
        assert isinstance(network, SpatialGAN) and network.object_mapping is not None
        with torch.no_grad():
            hear(network.object_mapping, data.object_scale)
            mean, factor = joint(data)
            network.joint_mean.copy_(mean)
            network.joint_factor.copy_(factor)
        self.averages["generator"].module.load_state_dict(network.state_dict())
        extra = {"params": list(network.object_mapping.parameters()), "times": recipe.mapping_rate}
        self.optimisers["generator"].add_param_group(extra)

    def draw(self, count: int) -> tuple[Tensor, Tensor, Levels | None]:
        index = torch.randint(len(self.objects), (count,), generator=self.generator)
        rooms = self.objects.layers[index]
        pictures, there, centres = self._shown(rooms, torch.rand(count, generator=self.generator))
        latents = self.objects.latents[index]
        device = device_of(self.modules["generator"])
        level = Centres(centres, rooms.sigmas.clamp(min=0.01), there.float())
        z = torch.cat([self.objects.z[index], latents.flatten(1)], 1)
        return pictures.to(device), z.to(device), on((level,), device)

    def _shown(self, rooms: RoomLayers, way: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures of rooms shown in the ways of `WAYS`, which objects they have, and where."""
        pictures, there, centres = as_float(rooms.whole), rooms.there.clone(), rooms.centres.clone()
        side = pictures.shape[-1]
        limit = round(self.recipe.move * side)
        for i, chance in enumerate(way.tolist()):
            gone = int(rooms.gone[i])
            if chance < WAYS[0] or (gone < 0 and chance < WAYS[2]):
                continue
            if chance >= WAYS[2]:
                pictures[i], there[i] = as_float(rooms.bare[i]), False
                continue
            pictures[i] = as_float(rooms.without[i])
            if chance >= WAYS[1]:
                there[i, gone] = False
                continue
            dx, dy = torch.randint(-limit, limit + 1, (2,), generator=self.generator).tolist()
            mask, cut = (shifted(t, dx, dy) for t in (rooms.masks[i, gone], as_float(rooms.whole[i])))
            pictures[i] = torch.where(mask, cut, pictures[i])
            centres[i, gone] += torch.tensor([dx, dy]) / side
        return pictures, there, centres

    def parts(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z (B, z_dim) and latents (B, n, d) of the vectors that `draw` gives."""
        return z[:, : self.recipe.z_dim], z[:, self.recipe.z_dim :].unflatten(1, (len(OBJECTS), -1))

    def blocks(self, network: SpatialGAN, z: Tensor, levels: Levels) -> Iterator[BlockOutput]:
        ground, latents = self.parts(z)
        codes, objects = network.codes(ground, levels), network.object_codes(latents)
        return network.synthesis.blocks(codes, None, network.synthesis.encode(levels), objects)

    def fresh(self, count: int, network: torch.nn.Module) -> tuple[Tensor, Levels | None]:
        """z, latents and layout from their joint distribution."""
        assert isinstance(network, SpatialGAN)
        normal = torch.randn(count, len(network.joint_mean), generator=self.generator)
        vector = network.joint_mean.cpu() + normal @ network.joint_factor.cpu().T
        ground, objects = split_joint(vector, self.recipe.z_dim, len(OBJECTS))
        level = Centres(
            objects[..., 1:3], objects[..., 3].exp().clamp(0.01, 1.0), (objects[..., 0] > 0).float()
        )
        z = torch.cat([ground, objects[..., FIELDS:].flatten(1)], 1)
        device = device_of(network)
        return z.to(device), on((level,), device)


class RoomsObjectsAdversarialTask(RoomsObjectsTask, CatsAdversarialTask):
    """Stage 2; a `Task` for the loop."""

    def __init__(self, recipe: RoomsObjectsRecipe, data: ObjectSet, segmenter: Segmenter | None) -> None:
        super().__init__(recipe, data, segmenter)
        self.optimisers["generator"].param_groups[-1]["times"] = 1.0
        self.optimisers["generator"].param_groups[-1]["betas"] = (0.0, 0.99)

    def align(self, said: Verdict, levels: Levels) -> Tensor:
        maps = levels[0].draw(self.recipe.resolution)
        return aligned_objects(said.logits, said.features[1:3], maps).loss.float()  # of the sides 8 and 16


def shifted(picture: Tensor, dx: int, dy: int) -> Tensor:
    """(.., H, W) moved by whole pixels; what comes in is zero."""
    height, width = picture.shape[-2:]
    result = torch.zeros_like(picture)
    xs, ys = slice(max(dx, 0), width + min(dx, 0)), slice(max(dy, 0), height + min(dy, 0))
    xo, yo = slice(max(-dx, 0), width + min(-dx, 0)), slice(max(-dy, 0), height + min(-dy, 0))
    result[..., ys, xs] = picture[..., yo, xo]
    return result


def split_joint(vector: Tensor, z_dim: int, count: int) -> tuple[Tensor, Tensor]:
    """z (B, z_dim) and objects (B, n, FIELDS + d) of joint vectors."""
    return vector[:, :z_dim], vector[:, z_dim:].unflatten(1, (count, -1))


def joint(data: ObjectSet) -> tuple[Tensor, Tensor]:
    """Mean (J,) and factor (J, J) of the joint normal distribution of z, presence, place, size and latents.

    Presence is a score: +1 or -1 in the data, moved so that it is above 0 as often as the object is there.
    What an absent object would be does not exist: such entries are drawn from the object's own distribution.
    """
    layers, random = data.layers, torch.Generator().manual_seed(0)
    objects = torch.cat(
        [layers.centres, layers.sigmas.clamp(min=0.01).log()[..., None], data.latents], -1
    )  # (N, n, 3 + d)
    scores = []
    for number in range(objects.shape[1]):
        has = layers.there[:, number]
        donors = has.nonzero().flatten()
        index = donors[torch.randint(len(donors), (int((~has).sum()),), generator=random)]
        objects[~has, number] = objects[index, number]
        share = has.float().mean().clamp(0.001, 0.999)
        normal = torch.distributions.Normal(0.0, 1.0)
        spread = 2 * (share * (1 - share)).sqrt()
        scores.append((has.float() * 2 - 1 - (2 * share - 1)) / spread + normal.icdf(share))
    vectors = torch.cat([data.z, torch.cat([torch.stack(scores, 1)[..., None], objects], -1).flatten(1)], 1)
    covariance = torch.cov(vectors.T) + 1e-5 * torch.eye(vectors.shape[1])
    return vectors.mean(0), torch.linalg.cholesky(covariance)


def _as_framed(data: ObjectSet) -> FramedSet:
    """What the parent class looks at: pictures and z."""
    layers = data.layers
    level = Centres(layers.centres, layers.sigmas, layers.there.float())
    return FramedSet(layers.whole, (level,), data.z, data.scale)
