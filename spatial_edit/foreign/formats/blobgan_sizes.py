"""Sizes of a published BlobGAN and of its encoder, from the shapes of their tensors and a few settings."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from spatial_edit.foreign.content import ForeignError
from spatial_edit.foreign.formats.omegaconf_tree import NoSetting, setting
from spatial_edit.generators.blobgan.published import PublishedConfig

MODEL, ENCODER = "a BlobGAN", "a BlobGAN inversion encoder"
MOST_STEPS, MOST_LAYERS = 8, 64  # doublings of the side, layers of the layout network
LARGEST_NUMBER = 1e6  # of a setting
EARLY_HIDDEN = 768  # width of the layout network until 2022-05-16, when ab_norm was 0.01 unless given
EARLY_AB_NORM, AB_NORM = 0.01, 0.02


class Settings:
    """hyper_parameters of a file; what had to be assumed is said in `notes`."""

    def __init__(self, tree: object) -> None:
        self.tree = tree
        self.notes: list[str] = []

    def value(self, *paths: str) -> object:
        """The first of the paths that leads somewhere; NoSetting when none does."""
        for path in paths:
            try:
                return setting(self.tree, path)
            except NoSetting:
                continue
        raise NoSetting(paths[0])

    def number(self, *paths: str, default: float = 0.0, assumed: str = "") -> float:
        """A number, or the default; assumed: a sentence for `notes` in that case. ForeignError for what is no
        number."""
        try:
            value = self.value(*paths)
        except NoSetting:
            if assumed:
                self.notes.append(assumed)
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ForeignError(f"the file's setting {paths[0]} is no number: get the file again")
        if not abs(value) <= LARGEST_NUMBER:  # also refuses NaN
            raise ForeignError(f"the file's setting {paths[0]} is out of range: get the file again")
        return float(value)


def unfit(what: str, why: str) -> ForeignError:
    """The error of a file that is of a known kind and yet not whole."""
    return ForeignError(f"the file was recognised as {what}, but {why}")


def model_sizes(
    tensors: Mapping[str, Tensor], state: Mapping[str, object], settings: Settings
) -> PublishedConfig:
    """The configuration of the network that `tensors` (our names) are of. ForeignError when shapes are
    missing or make no sense; state: the whole state dict, for the discriminator's depth."""
    layers = _count(tensors, "layout_net.mlp.{}.weight", 1, MOST_LAYERS)
    hidden, noise_dim = tensor(tensors, "layout_net.mlp.1.weight", 2).shape
    outputs = tensor(tensors, f"layout_net.mlp.{layers}.weight", 2).shape[0]
    first = tensor(tensors, "generator.conv1.conv.weight", 5)
    style_dim = tensor(tensors, "generator.conv1.conv.modulation.weight", 2).shape[1]
    feature_dim = first.shape[2]
    blobs, rest = divmod(outputs - 1 - feature_dim - style_dim, feature_dim + style_dim + 7)
    if layers < 2 or rest or blobs < 1:
        raise unfit(
            MODEL,
            f"{outputs} outputs of {layers} layers are no layout of blobs with features of {feature_dim} and "
            f"styles of {style_dim} numbers",
        )
    steps = _count(tensors, "generator.to_rgbs.{}.bias", 0, MOST_STEPS)
    size_in, resolution = _sides(steps, state, settings)
    c_model, multiplier = _widths(tensors, size_in, steps, first.shape[1])
    return PublishedConfig(
        resolution=resolution,
        blobs=blobs,
        noise_dim=noise_dim,
        feature_dim=feature_dim,
        style_dim=style_dim,
        hidden_dim=hidden,
        mlp_layers=layers,
        lr_mul=settings.number("layout_net.mlp_lr_mul", default=0.01),
        norm_features=_norm_features(settings),
        ab_norm=_ab_norm(settings, hidden),
        size_in=size_in,
        c_model=c_model,
        channel_multiplier=multiplier,
    )


def channels_of_encoder(tensors: Mapping[str, Tensor]) -> tuple[int, dict[int, int]]:
    """Resolution and channels by side of an inversion encoder's tensors."""
    blocks = _count(tensors, "convs.{}.conv2.1.weight", 1, MOST_STEPS)
    resolution = 4 << blocks
    channels = {resolution: tensor(tensors, "convs.0.0.weight", 4, ENCODER).shape[0]}
    for j in range(1, blocks + 1):
        channels[resolution >> j] = tensor(tensors, f"convs.{j}.conv2.1.weight", 4, ENCODER).shape[0]
    if tensor(tensors, "final_conv.0.weight", 4, ENCODER).shape[1] == channels[4] + 1:
        raise unfit(ENCODER, "it has the channel of deviations that only a discriminator has")
    return resolution, channels


def tensor(tensors: Mapping[str, Tensor], name: str, dimensions: int, what: str = MODEL) -> Tensor:
    """A tensor by name; ForeignError when it is missing or has another number of dimensions."""
    found = tensors.get(name)
    group, _, rest = name.partition(".")
    theirs = f"inverter.{name}" if what == ENCODER else f"{group}_ema.{rest}"  # as the file calls it
    if found is None:
        raise unfit(what, f"it lacks {theirs}")
    if found.dim() != dimensions or not found.numel():
        raise unfit(what, f"{theirs} has the shape {tuple(found.shape)}")
    return found


def _count(tensors: Mapping[str, object], pattern: str, first: int, most: int) -> int:
    """How many tensors there are in a row, from number `first` on."""
    count = 0
    while pattern.format(first + count) in tensors:
        count += 1
        if count > most:
            raise unfit(MODEL, f"there are more than {most} of {pattern.format('*')}")
    return count


def _sides(steps: int, state: Mapping[str, object], settings: Settings) -> tuple[int, int]:
    """The decoder's first side and its last. A discriminator tells the last; without one a setting does."""
    blocks = _count(state, "discriminator.convs.{}.conv2.1.weight", 1, MOST_STEPS)
    size_in = int(settings.number("generator.size_in", "size_in"))
    resolution = 4 << blocks if blocks else int(settings.number("resolution", "generator.size"))
    if not size_in and not resolution:
        settings.notes.append("the file does not say the first side of its decoder: 16 was assumed")
    size_in = size_in or (resolution >> steps) or 16
    if size_in < 1 or (resolution and size_in << steps != resolution):
        raise unfit(MODEL, f"{steps} doublings do not lead from {size_in} px to {resolution} px")
    return size_in, size_in << steps


def _widths(tensors: Mapping[str, Tensor], size_in: int, steps: int, first: int) -> tuple[int, int]:
    """c_model and the channel multiplier: 8 c channels up to 32 px, 4 c m at 64, 2 c m at 128 and so on."""
    if size_in > 32:
        raise unfit(MODEL, f"its decoder begins at {size_in} px, more than 32")
    c_model = first // 8
    for step in range(steps):
        side = size_in << (step + 1)
        if side >= 64:
            width = tensor(tensors, f"generator.convs.{2 * step}.conv.weight", 5).shape[1]
            return c_model, max(1, width * side // (256 * max(1, c_model)))
    return c_model, 2


def _norm_features(settings: Settings) -> bool:
    try:
        value = settings.value("layout_net.norm_features", "norm_features")
    except NoSetting:
        settings.notes.append("the file does not say whether features are normalised: it was assumed")
        return True
    return bool(value)


def _ab_norm(settings: Settings, hidden: int) -> float:
    """The geometric mean of a blob's two eigenvalues."""
    early = hidden == EARLY_HIDDEN
    usual = EARLY_AB_NORM if early else AB_NORM
    try:
        value = settings.value("ab_norm")
    except NoSetting:
        when = "models of its width had until May 2022" if early else "published models have"
        settings.notes.append(
            f"the file does not say ab_norm, the area of its blobs: {usual} was assumed, as {when}"
        )
        return usual
    if value is None:
        raise unfit(MODEL, "each blob has an area of its own (ab_norm is null), which no layout here can say")
    return settings.number("ab_norm")
