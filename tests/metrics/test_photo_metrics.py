"""PSNR, SSIM and LPIPS against values that can be worked out by hand or that are published."""

from __future__ import annotations

import math

import pytest
import torch

from spatial_edit.metrics.photo import Lpips, lpips_folder, psnr, ssim


def flat(level: float, side: int = 16) -> torch.Tensor:
    return torch.full((1, 3, side, side), level / 127.5 - 1)


def test_numbers_psnr() -> None:
    assert psnr(flat(10), flat(20)).item() == pytest.approx(20 * math.log10(255 / 10), abs=1e-6)
    assert psnr(flat(10), flat(10.3)).item() == math.inf  # the same bytes
    half = flat(0)
    half[..., :8] = 1.0  # half of the pixels are 255 off
    assert psnr(flat(0), half).item() == pytest.approx(10 * math.log10(2), abs=1e-6)
    both = psnr(torch.cat([flat(10), flat(0)]), torch.cat([flat(20), half]))
    assert both.shape == (2,)


def test_numbers_ssim_of_flat_pictures_is_the_luminance_term() -> None:
    a, b, c1 = 100.0, 150.0, (0.01 * 255) ** 2
    assert ssim(flat(a), flat(b)).item() == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), abs=1e-9)


def test_numbers_ssim_identity_negative_and_monotone() -> None:
    random = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, 32, 32, generator=random) * 2 - 1
    noise = torch.randn(picture.shape, generator=random)
    assert ssim(picture, picture).item() == pytest.approx(1.0, abs=1e-12)
    assert ssim(picture, -picture).item() < -0.5
    values = [ssim(picture, (picture + s * noise).clamp(-1, 1)).item() for s in (0.05, 0.1, 0.2, 0.4)]
    assert values == sorted(values, reverse=True)


def test_numbers_ssim_of_one_window_is_the_formula() -> None:
    # an 11 x 11 picture has one window position: weighted moments by hand
    random = torch.Generator().manual_seed(1)
    a, b = (torch.randint(256, (1, 3, 11, 11), generator=random).double() for _ in range(2))
    axis = torch.arange(11).double() - 5
    line = torch.exp(-axis.square() / 4.5)
    w = torch.outer(line, line) / line.sum() ** 2
    ma, mb = (a * w).sum((2, 3)), (b * w).sum((2, 3))
    va, vb = (
        ((a - ma[..., None, None]) ** 2 * w).sum((2, 3)),
        ((b - mb[..., None, None]) ** 2 * w).sum((2, 3)),
    )
    cov = ((a - ma[..., None, None]) * (b - mb[..., None, None]) * w).sum((2, 3))
    c1, c2 = 6.5025, 58.5225
    expected = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert ssim(a / 127.5 - 1, b / 127.5 - 1).item() == pytest.approx(expected.mean().item(), abs=1e-9)


def test_errors() -> None:
    with pytest.raises(ValueError, match="one shape"):
        psnr(flat(0), flat(0, 8))
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(flat(0, 8), flat(0, 8))


def test_errors_lpips_says_how_to_get_the_weights(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("SPATIAL_EDIT_LPIPS", str(tmp_path))
    assert lpips_folder() is None
    with pytest.raises(ValueError, match="SPATIAL_EDIT_LPIPS"):
        Lpips()


@pytest.mark.skipif(
    lpips_folder() is None,
    reason="needs the LPIPS weights: set SPATIAL_EDIT_LPIPS or put them in ../shared/data/lpips_squeeze",
)
def test_numbers_lpips_reproduces_published_values() -> None:
    # the doc-test values of torchmetrics 1.x for net_type="squeeze"
    distance = Lpips()
    random = torch.Generator().manual_seed(42)
    a, b = (torch.rand(2, 3, 100, 100, generator=random) * 2 - 1 for _ in range(2))
    assert distance(a, b).tolist() == pytest.approx([0.1024, 0.0938], abs=1e-4)
    assert distance(a, a).tolist() == [0.0, 0.0]
