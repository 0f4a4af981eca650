"""Splat: from ellipses to a feature map (Epstein et al. 2022, BlobGAN, section 3.1, equations 1 to 4).

A blob k has a centre mu (fractions of the side, x right, y down), a covariance C (squared fractions) and a
score s. At a sample g

    d^2 = (g - mu)^T C^-1 (g - mu)          squared Mahalanobis distance
    o_k = sigmoid(s_k - d^2)                opacity; half on the ellipse d^2 = s
    a_k = o_k * prod_{j > k} (1 - o_j)      alpha compositing; the last is nearest, 0 the background
    F   = sum_k a_k f_k                     the splat

    opacity(centres, covariances, scores, side)  -> (B, K, side, side)
    composite(opacities)                         -> (B, K + 1, H, W), background first, summing to 1
    splat(alphas, features)                      -> (B, D, H, W)
    pyramid(alphas, smallest)                    -> {side: (B, K + 1, side, side)}, each half as large

All of it is plain torch so far (`reference`), twice differentiable, on any device and dtype.
"""

from kernels.splat.reference import composite, opacity, pyramid, splat

__all__ = ["composite", "opacity", "pyramid", "splat"]
