"""Blob ground truth of rendered rooms: what a perfect parser would say about a picture.

Furniture is grouped into the things a person would drag as one (a bed with its pillows, a window with its
curtains). Each group's amodal mask (what it would cover if nothing stood in front) gives by its second
moments an ellipse, and by its area in 16 directions a radial profile: r(phi) is the mask's radius at local
angle phi as a multiple of the ellipse's. The order in depth is by distance, except that a rug lies under
everything and what stands on furniture is in front of it.

The room itself is the background. Seen in perspective its five surfaces are a partition into convex polygons:
a ray hits the surface whose inverse distance is largest, and inverse distances are linear in the pixel's
coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

# name of each slot and the instance ids (see vocabulary.INSTANCES) that it gathers
GROUPS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("rug", (5,)),
    ("bed", (6, 26, 27, 30)),
    ("nightstand (left)", (7,)),
    ("nightstand (right)", (8,)),
    ("lamp (left)", (9,)),
    ("lamp (right)", (10,)),
    ("window", (11, 28, 29)),
    ("painting A", (12,)),
    ("painting B", (13,)),
    ("wardrobe", (14,)),
    ("dresser", (15,)),
    ("bookshelf", (16,)),
    ("plant", (17,)),
    ("chair", (18,)),
    ("pouf", (19,)),
    ("door", (20,)),
    ("mirror", (21,)),
    ("floor lamp", (22,)),
    ("ceiling lamp", (23,)),
    ("decoration A", (24,)),
    ("decoration B", (25,)),
)
SLOT_NAMES = tuple(name for name, _ in GROUPS)
SLOTS = len(GROUPS)
SURFACES = 5  # floor, ceiling, back wall, left wall, right wall
PROFILE = 16  # directions of a radial profile, local angle 2 pi i / 16
RADIUS_PER_SIGMA = (
    1.9  # between an ellipse's 2 and a square's sqrt(3): radius of a mask per standard deviation
)
SMALLEST = 6.0 / 4096  # visible area, fraction of the picture, below which an object counts as absent
_RUG = SLOT_NAMES.index("rug")
STANDS_ON = ((4, 2), (5, 3), (19, 10), (20, 10))  # lamp on its nightstand, decorations on the dresser
_MIRROR_SLOTS = ((2, 3), (4, 5))
_MIRROR_SURFACES = (0, 1, 2, 4, 3)


@dataclass(frozen=True)
class BlobTruth:
    """B rooms, S = 21 slots. Positions and sizes are fractions of the side, colours in [-1, 1]."""

    exists: Tensor  # (B, S) bool
    centres: Tensor  # (B, S, 2)
    sizes: Tensor  # (B, S) geometric mean radius
    aspects: Tensor  # (B, S)
    angles: Tensor  # (B, S) radians, counter-clockwise as seen, within -pi/4 .. pi/4
    distances: Tensor  # (B, S) metres; larger is farther
    profiles: Tensor  # (B, S, 16) multiples of the ellipse's radius
    colours: Tensor  # (B, S, 3) mean colour of the visible part
    planes: Tensor  # (B, 5, 3) inverse distance of each surface = a x + b y + c, per metre
    surface_colours: Tensor  # (B, 5, 3)

    def __getitem__(self, index: object) -> BlobTruth:
        return BlobTruth(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def to(self, device: torch.device) -> BlobTruth:
        """The same truth on another device."""
        return BlobTruth(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def concatenate(parts: list[BlobTruth]) -> BlobTruth:
    """One BlobTruth of several."""
    return BlobTruth(**{f.name: torch.cat([getattr(p, f.name) for p in parts]) for f in fields(BlobTruth)})


def surface_planes(
    width: Tensor, depth: Tensor, height: Tensor, camera: Tensor, yaw: Tensor, pitch: Tensor, fov: Tensor
) -> Tensor:
    """(B, 5, 3): inverse distance along the optical axis of each surface as a linear function of (x, y, 1), x
    and y in [0, 1]. Room and camera as in the renderer (metres, radians); the ray of a pixel hits argmax over
    the surfaces."""
    tangent = torch.tan(fov / 2)
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    # the camera-space ray of (x, y) is (tangent (2x - 1), tangent (1 - 2y), 1): three coefficient
    # vectors over (x, y, 1)
    dx = torch.stack([2 * tangent, zero, -tangent], -1)
    dy = torch.stack([zero, -2 * tangent, tangent], -1)
    dz = torch.stack([zero, zero, one], -1)
    cos, sin = pitch.cos()[:, None], pitch.sin()[:, None]
    dy, dz = dy * cos + dz * sin, dz * cos - dy * sin
    cos, sin = yaw.cos()[:, None], yaw.sin()[:, None]
    dx, dz = dx * cos + dz * sin, dz * cos - dx * sin
    cx, cy, cz = (camera[:, i : i + 1] for i in range(3))
    half = width[:, None] / 2
    rows = [
        -dy / cy,
        dy / (height[:, None] - cy),
        dz / (depth[:, None] - cz),
        -dx / (half + cx),
        dx / (half - cx),
    ]
    return torch.stack(rows, 1)


def blob_truth(rgb: Tensor, instance: Tensor, amodal: Tensor, distance: Tensor, planes: Tensor) -> BlobTruth:
    """From a rendered batch: rgb uint8 (B, 3, H, W), instance uint8 (B, H, W), amodal (B, 31, H, W) coverage
    in [0, 1], distance (B, 31) nearest ray depth of each instance, planes (B, 5, 3)."""
    masks = torch.stack([amodal[:, list(ids)].amax(1) for _, ids in GROUPS], 1)  # (B, S, H, W)
    owner = owners(instance).flatten(1)  # (B, P)
    shares = torch.nn.functional.one_hot(owner, SLOTS + SURFACES).float()  # (B, P, S + 5)
    counts = shares.sum(1)
    pixels = rgb.flatten(2).float() / 127.5 - 1
    means = torch.einsum("bpk,bcp->bkc", shares, pixels) / counts.clamp(min=1)[..., None]
    nearest = torch.stack([distance[:, list(ids)].amin(1) for _, ids in GROUPS], 1)
    nearest[:, _RUG] = 100.0
    for upper, lower in STANDS_ON:
        nearest[:, upper] = torch.minimum(nearest[:, upper], nearest[:, lower] - 0.01)
    centres, sizes, aspects, angles, profiles = _ellipses(masks)
    visible = counts[:, :SLOTS] / owner.shape[1]
    surfaces = means[:, SLOTS : SLOTS + SURFACES]
    seen = counts[:, SLOTS : SLOTS + SURFACES] > 0
    fallback = (surfaces * seen[..., None]).sum(1, keepdim=True) / seen.sum(1)[:, None, None].clamp(min=1)
    return BlobTruth(
        exists=(visible >= SMALLEST) & (masks.mean((2, 3)) >= SMALLEST),
        centres=centres,
        sizes=sizes,
        aspects=aspects,
        angles=angles,
        distances=nearest,
        profiles=profiles,
        colours=means[:, :SLOTS],
        planes=planes,
        surface_colours=torch.where(seen[..., None], surfaces, fallback),
    )


def owners(instance: Tensor) -> Tensor:
    """long, same shape: the slot that every pixel shows, SLOTS + s for surface s."""
    lookup = torch.zeros(sum(len(ids) for _, ids in GROUPS) + SURFACES, dtype=torch.long)
    for slot, (_, ids) in enumerate(GROUPS):
        lookup[list(ids)] = slot
    lookup[:SURFACES] = SLOTS + torch.arange(SURFACES)
    return lookup[instance.long()]


def flip_owners(owner: Tensor) -> Tensor:
    """Owners (B, H, W) of the mirrored picture."""
    swap = torch.arange(SLOTS + SURFACES)
    for a, b in _MIRROR_SLOTS:
        swap[a], swap[b] = b, a
    swap[SLOTS:] = SLOTS + torch.tensor(_MIRROR_SURFACES)
    return swap[owner.flip(-1)]


def _ellipses(masks: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Moments and radial profiles of masks (B, S, H, W)."""
    height, width = masks.shape[-2:]
    gy, gx = torch.meshgrid(
        (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij"
    )
    gx, gy = gx.flatten(), gy.flatten()
    flat = masks.flatten(2)
    weight = flat / flat.sum(-1, keepdim=True).clamp(min=1e-6)
    mx, my = weight @ gx, weight @ gy
    floor = (0.35 / width) ** 2
    xx = (weight @ gx.square() - mx.square()).clamp(min=0) + floor
    yy = (weight @ gy.square() - my.square()).clamp(min=0) + floor
    xy = weight @ (gx * gy) - mx * my

    # principal axis nearest to the horizontal; a nearly round mask has no axis, so its angle fades to 0
    theta = 0.5 * torch.atan2(2 * xy, xx - yy)
    theta = torch.where(theta > math.pi / 4, theta - math.pi / 2, theta)
    theta = torch.where(theta < -math.pi / 4, theta + math.pi / 2, theta)
    spread = ((xx - yy).square() / 4 + xy.square()).sqrt()
    roundness = ((xx + yy) / 2 + spread).log() - ((xx + yy) / 2 - spread).clamp(min=1e-6).log()
    fade = ((roundness - 0.2) / 0.6).clamp(0, 1)
    theta = theta * fade * fade * (3 - 2 * fade)

    cos, sin = theta.cos(), theta.sin()
    along = (xx * cos * cos + yy * sin * sin + 2 * xy * cos * sin).clamp(min=floor / 2)
    across = (xx * sin * sin + yy * cos * cos - 2 * xy * cos * sin).clamp(min=floor / 2)
    rx, ry = RADIUS_PER_SIGMA * along.sqrt(), RADIUS_PER_SIGMA * across.sqrt()
    dx, dy = gx - mx[..., None], gy - my[..., None]
    u = (dx * cos[..., None] + dy * sin[..., None]) / rx[..., None]
    v = (dy * cos[..., None] - dx * sin[..., None]) / ry[..., None]
    profile = _radial_profile(flat, u, v, 1.0 / (height * width) / (rx * ry))
    return torch.stack([mx, my], -1), (rx * ry).sqrt(), rx / ry, -theta, profile


def _radial_profile(flat: Tensor, u: Tensor, v: Tensor, pixel_area: Tensor) -> Tensor:
    """(B, S, 16): radius of the star-shaped region with the mask's area in each direction, area = r^2 / 2 * 2
    pi / 16."""
    bins = torch.atan2(v, u) / (2 * math.pi) * PROFILE
    low = bins.floor()
    part = bins - low
    low = low.long() % PROFILE
    area = torch.zeros(*flat.shape[:2], PROFILE)
    area.scatter_add_(2, low, flat * (1 - part) * pixel_area[..., None])
    area.scatter_add_(2, (low + 1) % PROFILE, flat * part * pixel_area[..., None])
    sector = math.pi / PROFILE  # area of a unit circle's sector
    prior = 1.5 * pixel_area[..., None] / PROFILE * 4  # a few pixels of a plain ellipse keep tiny masks round
    return ((area + prior) / (sector + prior)).sqrt().clamp(0.3, 2.0)


def flip(truth: BlobTruth) -> BlobTruth:
    """The truth of the mirrored picture; left and right twins change places."""
    order = list(range(SLOTS))
    for a, b in _MIRROR_SLOTS:
        order[a], order[b] = b, a
    walls = list(_MIRROR_SURFACES)
    directions = [(PROFILE // 2 - i) % PROFILE for i in range(PROFILE)]  # phi -> pi - phi
    centres = truth.centres[:, order].clone()
    centres[..., 0] = 1 - centres[..., 0]
    px, py, p0 = truth.planes[:, walls].unbind(-1)
    return BlobTruth(
        exists=truth.exists[:, order],
        centres=centres,
        sizes=truth.sizes[:, order],
        aspects=truth.aspects[:, order],
        angles=-truth.angles[:, order],
        distances=truth.distances[:, order],
        profiles=truth.profiles[:, order][..., directions],
        colours=truth.colours[:, order],
        planes=torch.stack([-px, py, p0 + px], -1),
        surface_colours=truth.surface_colours[:, walls],
    )
