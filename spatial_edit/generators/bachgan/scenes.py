"""BachGAN and SPADE behind the generator contract: labelled boxes in, a picture out.

A seed makes boxes, not looks: the networks are deterministic, so one layout gives one picture. Until a memory
of label maps comes with a model, the retrieved maps are all zero, as published for layouts without things
(one stands for three: their mean is the same). A plain SPADE network sees the boxes as a label map, with the
model's background class around them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.generators.bachgan.encoding import Rectangle, box_maps, instance_edges
from spatial_edit.generators.bachgan.generator import BachGAN, BachGANConfig
from spatial_edit.generators.bachgan.names import plain_names
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.delta import paint_adapted
from spatial_edit.layouts import Boxes, Latent, Scene
from spatial_edit.layouts.boxes import MAX_FLAT_BOXES
from spatial_edit.safetensors_header import few
from spatial_edit.seeds import random_state

MIN_SAMPLED, MAX_SAMPLED = 3, 8  # boxes of a seed
# where a sampled box may lie and how large it may be: x, y of its centre, width, height
_LOW = torch.tensor([0.1, 0.35, 0.08, 0.08])
_HIGH = torch.tensor([0.9, 0.85, 0.45, 0.5])


def names_of(config: BachGANConfig) -> tuple[str, ...]:
    """A word for every class."""
    return config.names or plain_names(config.labels)


def things_of(config: BachGANConfig) -> tuple[int, ...]:
    """The classes that boxes may have."""
    return config.things or tuple(i for i in range(config.labels) if i != config.background) or (0,)


def words_of(config: BachGANConfig) -> tuple[str, ...]:
    """The words of the classes that boxes may have, each once."""
    names = names_of(config)
    return tuple(dict.fromkeys(names[thing] for thing in things_of(config)))


class BachGANScenes:
    """A `Generator` of labelled boxes. Labels are the model's words for its things, or "class 7"."""

    def __init__(self, model: BachGAN, spec: ModelSpec, weights: str, device: str = "cpu") -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.spec, self.weights, self.device = spec, weights, torch.device(device)
        self.names = names_of(model.config)

    @classmethod
    def tiny(cls, seed: int = 0) -> BachGANScenes:
        """Random weights, 32 px, fewer than 50,000 parameters: for tests."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = BachGAN(BachGANConfig.tiny())
        with torch.no_grad():
            model.conv_img.weight.mul_(4)  # a picture with some contrast
        spec = ModelSpec(
            name="bachgan-tiny",
            number=245,
            family="bachgan",
            title="Random boxes (for tests)",
            kind="boxes",
            resolution=model.config.width,
            licence="MIT",
            training_data="none: random weights",
            folder=None,
            max_elements=MAX_FLAT_BOXES,
        )
        return cls(model, spec, f"{seed:016x}")

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        """The scene of a seed: 3 to 8 boxes; truncation changes nothing, since there is no code to pull.

        Draw order from np.random.RandomState(seed): randint for the number of boxes; then for each box
        randint for its class among the things, and four uniform numbers: x, y, width, height.
        """
        if not 0.0 <= truncation <= 1.0:
            raise ValueError(f"truncation must lie between 0 (none) and 1 (the mean), got {truncation!r}")
        state, things = random_state(seed), self.things()
        labels, rows = [], []
        for _ in range(state.randint(MIN_SAMPLED, MAX_SAMPLED + 1)):
            labels.append(self.names[things[state.randint(len(things))]])
            rows.append(torch.from_numpy(state.random_sample(4)).float())
        values = torch.lerp(_LOW, _HIGH, torch.stack(rows))  # (K, 4)
        layout = Boxes(
            values[:, :2].clone(), values[:, 2:].clone(), tuple(labels), ids=tuple(range(len(labels)))
        )
        latent = Latent(int(seed), truncation, torch.zeros(1, 1), torch.zeros(0))
        return Scene(self.spec.name, self.weights, layout, latent)

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        """(3, H, W) float32 in [-1, 1] on the CPU; `preview` changes nothing here."""
        return self.render_batch([scene])[0]

    @torch.no_grad()
    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W); the scenes must share one delta (or have none)."""
        maps = torch.stack([self.maps(scene) for scene in scenes]).to(self.device)
        retrieved = None if self.model.fusion is None else torch.zeros_like(maps)[:, None]
        return paint_adapted(self.model, scenes, (maps, retrieved))

    def maps(self, scene: Scene) -> Tensor:
        """(condition, H, W): the network's map of a scene's visible boxes."""
        config = self.model.config
        rectangles = self.rectangles(self.checked(scene))
        encoded = box_maps(rectangles, config.labels, config.height, config.width)
        boxes = encoded.boxes
        if self.model.fusion is None:
            numbers = torch.zeros(config.height, config.width, dtype=torch.long)  # 0 = around the boxes
            for i, r in enumerate(rectangles, start=1):
                numbers[r.top : r.bottom + 1, r.left : r.right + 1] = i
            labels = torch.tensor([config.background, *(r.label for r in rectangles)])[numbers]
            boxes = F.one_hot(labels, config.labels).movedim(-1, 0).float()
        else:
            numbers = encoded.painted
        if config.edges:
            boxes = torch.cat([boxes, instance_edges(numbers[None, None])[0].float()])
        return boxes

    def rectangles(self, layout: Boxes) -> list[Rectangle]:
        """The boxes in pixels, in the order of painting; those that lie outside the picture left out.

        A pixel belongs to a box that its centre lies in; a thinner box gets one row or column.
        """
        found = []
        width, height = self.model.config.width, self.model.config.height
        for name, corners in zip(layout.labels, layout.corners().tolist(), strict=True):
            left, right = _pixels(corners[0], corners[2], width)
            top, bottom = _pixels(corners[1], corners[3], height)
            if left <= right and top <= bottom:
                found.append(Rectangle(self.number_of(name), top, left, bottom, right))
        return found

    def things(self) -> tuple[int, ...]:
        """The classes that boxes may have."""
        return things_of(self.model.config)

    def number_of(self, label: str) -> int:
        """The class of a label; ValueError for a word that the model does not know as a thing."""
        for thing in self.things():
            if label in (self.names[thing], f"class {thing}"):
                return thing
        known = few([self.names[thing] for thing in self.things()])
        raise ValueError(f"'{self.spec.name}' draws no {label!r}: choose one of {known}")

    def checked(self, scene: Scene) -> Boxes:
        """The scene's visible layout; ValueError when it does not belong to this model."""
        if scene.model != self.spec.name or not isinstance(scene.layout, Boxes):
            raise ValueError(f"this scene was made for the model '{scene.model}', not for '{self.spec.name}'")
        return scene.layout.visible()


def _pixels(low: float, high: float, count: int) -> tuple[int, int]:
    """First and last of `count` pixels whose centres lie in low .. high; first > last outside the picture."""
    first = math.ceil(low * count - 0.5)
    last = max(first, math.ceil(high * count - 0.5) - 1)
    return max(first, 0), min(last, count - 1)


def load_bachgan(spec: ModelSpec, device: str = "cpu") -> BachGANScenes:
    """From a checkpoint folder, after the strict check of `checkpoints.load`."""
    from spatial_edit.checkpoints import load

    if spec.folder is None:
        raise ValueError(f"the model '{spec.name}' has no folder to load from")
    model, _, weights = load(spec.folder, lambda c: BachGAN(BachGANConfig.from_dict(c)), device)
    assert isinstance(model, BachGAN)
    return BachGANScenes(model, spec, weights, device)
