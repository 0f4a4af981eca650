"""The segmenter: a small U-shaped network that names what every pixel of a room shows.

It is used in losses only: the distance between its frozen encoder's maps is our perceptual loss (the idea of
Johnson et al. 2016, section 3.2, with our own network instead of VGG), and its logits tell a generator which
class it drew where. It never measures anything: that is the judge's work, another architecture trained on
other scenes (`nn/judge.py`).

Encoder: four stages of 24, 48, 96 and 128 channels at 1, 1/2, 1/4 and 1/8 of the side, batch normalisation.
Decoder: two top-down merges, logits at half the side.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate

CLASSES = 20  # semantic classes of the rooms
STRIDE = 8  # the picture's sides must be multiples of this


class Segmenter(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] → logits (B, classes, H/2, W/2); trained at 64 px, H and W multiples
    of 8.
    """

    def __init__(
        self,
        widths: tuple[int, int, int, int] = (24, 48, 96, 128),
        classes: int = CLASSES,
        top: tuple[int, int] = (64, 48),
    ) -> None:
        super().__init__()
        a, b, c, d = widths
        merged, fine = top
        self.stage0 = _conv(3, a)
        self.stage1 = nn.Sequential(_conv(a, b, 2), _conv(b, b))
        self.stage2 = nn.Sequential(_conv(b, c, 2), _conv(c, c))
        self.stage3 = nn.Sequential(_conv(c, d, 2), _conv(d, d))
        self.lateral3 = nn.Conv2d(d, merged, 1)
        self.lateral2 = nn.Conv2d(c, merged, 1)
        self.lateral1 = nn.Conv2d(b, merged, 1)
        self.merge2 = _conv(merged, merged)
        self.merge1 = _conv(merged, fine)
        self.head = nn.Conv2d(fine, classes, 3, padding=1)
        self.config: dict[str, object] = {"kind": "segmenter", "widths": list(widths), "classes": classes}

    def features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The encoder's maps: (B, 24, H, W), (B, 48, H/2, W/2), (B, 96, H/4, W/4), (B, 128, H/8, W/8)."""
        check_images(images, STRIDE, "the segmenter")
        f0 = self.stage0(images)
        f1 = self.stage1(f0)
        f2 = self.stage2(f1)
        return f0, f1, f2, self.stage3(f2)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes, H/2, W/2)."""
        return self.head(self.merged(images)[0])

    def merged(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's last map (B, 48, H/2, W/2) and the encoder's coarsest (B, 128, H/8, W/8)."""
        _, f1, f2, f3 = self.features(images)

        top = self.merge2(_double(self.lateral3(f3)) + self.lateral2(f2))  # (B, 64, H/4, W/4)
        return self.merge1(_double(top) + self.lateral1(f1)), f3


def build_segmenter(config: dict) -> Segmenter:
    """An untrained segmenter of a checkpoint's configuration; ValueError when that is of another kind of
    network.
    """
    if config.get("kind") != "segmenter":
        raise ValueError(f"this is the configuration of a {config.get('kind')!r}, not of a segmenter")
    first, second, third, fourth = (int(width) for width in config["widths"])
    return Segmenter((first, second, third, fourth), int(config["classes"]))


def check_images(images: Tensor, stride: int, who: str) -> None:
    """ValueError unless `images` is (B, 3, H, W) with sides that are multiples of `stride`."""
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % stride or images.shape[3] % stride:
        raise ValueError(
            f"{who} reads pictures (B, 3, H, W) whose sides are multiples of {stride}, got "
            f"{tuple(images.shape)}: resize or crop them first"
        )


def _conv(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.LeakyReLU(0.1))


def _double(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="nearest")
