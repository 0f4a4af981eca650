"""An ablation: a loss of four terms on the published network, as a summary of the paper describes it.

    L_G = softplus(-D(G(z))) + l1 |G(E(x)) - x| + l2 V(phi) + l3 C(phi)

The published loss is the first term alone, with R1 on D (`blobgan_published`); the other three are not in the
paper. Two of them were only named, so this is what they mean here, phi (N, K, F) being the structure features
of K blobs in N pictures from z:

    diversity        V = -log det(Cov + eps I) / F, Cov (F, F) the covariance of the N K rows
    disentanglement  C = mean over pictures and pairs j != k of corr(phi_j, phi_k)^2, over the F features

Reconstruction needs photo -> blobs: an inversion encoder E, D's architecture without the mini-batch standard
deviation, trained with the decoder by that term."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.generators.blobgan.published import BlobParameters, PublishedBlobGAN
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.train.blobgan_published import PublishedRecipe, PublishedTask, Source, finish, source_of
from spatial_edit.train.losses import set_trainable

UNSEEN = 1 / 255  # of the value range: a smaller change inside a footprint counts as none
GONE = -200.0  # a score at which a blob has no opacity


@dataclass(frozen=True)
class FourTermsRecipe(PublishedRecipe):
    """The weights of the three additional terms; all three 0 is the published loss."""

    reconstruction: float = 1.0
    diversity: float = 0.1
    disentanglement: float = 1.0
    epsilon: float = 1e-2


def diversity_loss(features: Tensor, epsilon: float) -> Tensor:
    """-log det(Cov + eps I) / F of features (N, K, F), the N K rows being the sample; low when they fill the
    space."""
    rows = features.flatten(0, 1).float()
    rows = rows - rows.mean(0)
    covariance = rows.T @ rows / max(len(rows) - 1, 1)  # (F, F)
    width = covariance.shape[0]
    return -torch.logdet(covariance + epsilon * torch.eye(width, device=rows.device)) / width


def disentanglement_loss(features: Tensor) -> Tensor:
    """Mean squared correlation between the features (N, K, F) of different blobs of a picture, 0..1."""
    count = features.shape[1]
    if count < 2:
        return features.sum() * 0
    centred = features.float() - features.float().mean(-1, keepdim=True)
    unit = F.normalize(centred, dim=-1)
    squared = (unit @ unit.transpose(1, 2)).square()  # (N, K, K), 1 on the diagonal
    pairs = squared.sum((1, 2)) - squared.diagonal(dim1=1, dim2=2).sum(-1)
    return (pairs / (count * (count - 1))).mean()


class FourTermsTask(PublishedTask):
    """A `Task` for the loop. A term with weight 0 is not computed."""

    recipe: FourTermsRecipe

    def __init__(self, recipe: FourTermsRecipe, source: Source) -> None:
        super().__init__(recipe, source)
        self.recipe = recipe
        model = self.modules["generator"]
        assert isinstance(model, PublishedBlobGAN)
        encoder = Discriminator(
            recipe.config.resolution, dict(recipe.channels), group=0, outputs=model.layout_net.outputs
        )
        self.modules["encoder"] = encoder
        weights = [*model.parameters(), *encoder.parameters()]
        self.optimisers["generator"] = self.adamw(weights, 1.0)

    def step_generator(self, real: Tensor) -> dict[str, Tensor]:
        recipe, judge = self.recipe, self.modules["discriminator"]
        model, encoder = self.modules["generator"], self.modules["encoder"]
        assert isinstance(model, PublishedBlobGAN)
        z = torch.randn(self.batch, recipe.config.noise_dim, generator=self.generator).to(self.device)
        parameters = model.layout(z, jitter=self.draw_jitter(self.batch) if recipe.jitter else None)
        set_trainable(judge, False)
        fake = model.decode(parameters, self.draw_noise(model, self.batch))
        losses = {"generator": F.softplus(-judge(fake)).mean()}
        set_trainable(judge, True)

        features = parameters.features[:, 1:]
        total = losses["generator"]
        if recipe.reconstruction:
            again = model.decode(model.layout_of_raw(encoder(real)))
            losses["reconstruction"] = (again - real).abs().mean()
            total = total + recipe.reconstruction * losses["reconstruction"]
        if recipe.diversity:
            losses["diversity"] = diversity_loss(features, recipe.epsilon)
            total = total + recipe.diversity * losses["diversity"]
        if recipe.disentanglement:
            losses["disentanglement"] = disentanglement_loss(features)
            total = total + recipe.disentanglement * losses["disentanglement"]
        self.update("generator", total)
        return {name: loss.detach() for name, loss in losses.items()}

    def metrics(self) -> dict[str, float]:
        """`blob_statistics` of the averaged model, and the spread of real pictures to compare with."""
        model = self.averages["generator"].module
        assert isinstance(model, PublishedBlobGAN)
        random = torch.Generator().manual_seed(1)
        z = torch.randn(64, self.recipe.config.noise_dim, generator=random).to(self.device)
        real = self.source.batch(torch.arange(min(64, len(self.source)))).float() / 127.5 - 1
        return {**blob_statistics(model, z), "real_pixel_std": float(real.std(0).mean())}


@torch.no_grad()
def blob_statistics(model: PublishedBlobGAN, z: Tensor) -> dict[str, float]:
    """Of N pictures from z: `pixel_std` (over pictures, mean of pixels, range [-1, 1]); `centre_spread` (over
    pictures, mean of blobs and axes, fraction of the side); `footprint` (mean area where a blob's alpha is
    above 0.1); `dead_blobs` (share of blobs whose removal changes their footprint by less than 1/255 in 95 %
    of the pictures); `feature_correlation` (the disentanglement term)."""
    parameters = model.layout(z)
    pictures = model.decode(parameters).clamp(-1, 1)
    seen = model.alphas(parameters)[model.config.resolution][:, 1:] > 0.1  # (N, K, R, R)
    dead = 0
    for blob in range(model.config.blobs):
        change = (model.decode(_without(parameters, blob)).clamp(-1, 1) - pictures).abs().mean(1) / 2
        area = seen[:, blob].float()
        inside = (change * area).sum((1, 2)) / area.sum((1, 2)).clamp(min=1)
        dead += int((inside < UNSEEN).float().mean() >= 0.95)
    return {
        "pixel_std": float(pictures.std(0).mean()),
        "centre_spread": float(parameters.centres.std(0).mean()),
        "footprint": float(seen.float().mean()),
        "dead_blobs": dead / model.config.blobs,
        "feature_correlation": float(disentanglement_loss(parameters.features[:, 1:])),
    }


def _without(parameters: BlobParameters, blob: int) -> BlobParameters:
    scores = parameters.scores.clone()
    scores[:, blob + 1] = GONE
    return replace(parameters, scores=scores)


def train_four_terms(
    recipe: FourTermsRecipe, minutes: float, out: Path, resume: bool, say: Callable[[str], None] = print
) -> dict[str, float]:
    """Train and save the averaged generator to `out / model`."""
    return finish(FourTermsTask(recipe, source_of(recipe, out, say)), minutes, out, resume)
