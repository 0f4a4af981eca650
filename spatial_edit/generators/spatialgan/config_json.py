"""The configuration of a SpatialGAN as JSON, for config.json, and strictly back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields

from spatial_edit.generators.config_values import choice, flag, whole, widths
from spatial_edit.generators.spatialgan.network import ENCODINGS, LEVEL_SIDES, SpatialConfig
from spatial_edit.generators.spatialgan.prior import Framed, Joint, Prior, Spread, Table
from spatial_edit.layouts.frames import FrameRecipe
from spatial_edit.layouts.heatmaps import CENTRE_RANGE, SIGMA_RANGE
from spatial_edit.safetensors_header import few

MAX_SIDE, MAX_WIDTH, MAX_LAYERS, MAX_CENTRES, MAX_ROWS = 1024, 4096, 64, 16, 100_000
_PRIORS: dict[str, type[Framed] | type[Spread] | type[Table] | type[Joint]] = {
    "framed": Framed,
    "spread": Spread,
    "table": Table,
    "joint": Joint,
}


def config_to_json(config: SpatialConfig) -> dict[str, object]:
    """For config.json; `config_from_json` gives the same config back."""
    plain = {field.name: getattr(config, field.name) for field in fields(config)}
    plain["channels"] = [[side, width] for side, width in sorted(config.channels.items())]
    plain["centres"] = list(config.centres)
    kind = next(name for name, prior in _PRIORS.items() if type(config.prior) is prior)
    return {"kind": "spatialgan", **plain, "prior": {"kind": kind, **_listed(asdict(config.prior))}}


def config_from_json(data: Mapping[str, object]) -> SpatialConfig:
    """From config.json. ValueError when it describes something else, lacks a size, or has one out of
    range."""
    if data.get("kind") != "spatialgan":
        raise ValueError(f"config.json describes '{data.get('kind')}', this loader reads 'spatialgan'")
    if strange := set(data) - {"kind", *SpatialConfig.__dataclass_fields__}:
        raise ValueError(f"config.json of a SpatialGAN has entries that are unknown here: {few(strange)}")
    resolution = whole(data, "resolution", 8, MAX_SIDE)
    config = SpatialConfig(
        resolution=resolution,
        channels=widths(data, "channels", resolution),
        z_dim=whole(data, "z_dim", 1, MAX_WIDTH),
        w_dim=whole(data, "w_dim", 1, MAX_WIDTH),
        mapping_layers=whole(data, "mapping_layers", 1, MAX_LAYERS),
        centres=_counts(data),
        encoding=choice(data, "encoding", ENCODINGS, "norm"),
        hidden=whole(data, "hidden", 1, MAX_WIDTH),
        encoded=whole(data, "encoded", 4, MAX_SIDE, 16),
        joined=whole(data, "joined", 0, MAX_SIDE, 0),
        object_dim=whole(data, "object_dim", 0, MAX_WIDTH, 0),
        points=whole(data, "points", 0, 2 * len(LEVEL_SIDES) * MAX_CENTRES, 0),
        prior=_prior(data.get("prior")),
        indoor=flag(data, "indoor"),
        shared=flag(data, "shared"),
        entry=flag(data, "entry"),
        slopes=flag(data, "slopes"),
        coarse=flag(data, "coarse", True),
    )
    _check(config)
    return config


def _check(config: SpatialConfig) -> None:
    """ValueError for values that do not go together."""
    prior, centres = config.prior, config.centres
    for name, side in (("encoded", config.encoded), ("joined", config.joined or 4)):
        if side & (side - 1) or not 4 <= side <= config.resolution:
            raise ValueError(f"config.json: '{name}' must be a side of the network, 4 to {config.resolution}")
    if config.indoor != bool(config.object_dim) or (config.indoor and len(centres) > 1):
        raise ValueError("config.json: 'indoor' goes with one level of 'centres' and an 'object_dim' above 0")
    if len(centres) > 1 and config.resolution < LEVEL_SIDES[len(centres) - 1]:
        raise ValueError(f"config.json: {len(centres)} levels need a larger resolution")
    if isinstance(prior, Framed):
        if tuple(len(level) for level in prior.points) != centres or len(prior.sigmas) != len(centres):
            raise ValueError("config.json: the prior's points and sigmas are not those of 'centres'")
    if config.points != (prior.offsets if isinstance(prior, Framed) else 0):
        raise ValueError("config.json: 'points' must be the number of coordinates of a framed prior's points")
    if isinstance(prior, Joint) and not config.indoor:
        raise ValueError("config.json: a prior of kind 'joint' goes with 'indoor'")
    if isinstance(prior, Table) and len(centres) > 1:
        raise ValueError("config.json: a prior of kind 'table' goes with one level of 'centres'")


def _counts(data: Mapping[str, object]) -> tuple[int, ...]:
    values = data.get("centres")
    if not isinstance(values, list) or not 1 <= len(values) <= len(LEVEL_SIDES):
        raise ValueError(f"config.json: 'centres' must be a list of 1 to {len(LEVEL_SIDES)} whole numbers")
    return tuple(whole({"centres": value}, "centres", 1, MAX_CENTRES) for value in values)


def _prior(value: object) -> Prior:
    name = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(name, str) or name not in _PRIORS:
        raise ValueError(f"config.json: 'prior' must be an object whose kind is one of {', '.join(_PRIORS)}")
    kind = _PRIORS[name]
    if set(value) != {"kind", *kind.__dataclass_fields__}:
        raise ValueError(f"config.json: a prior of kind '{name}' has other entries")
    if kind is Framed:
        points = tuple(
            tuple(_pair(point, *CENTRE_RANGE) for point in _items(level, MAX_CENTRES))
            for level in _items(value["points"], len(LEVEL_SIDES))
        )
        sigmas = tuple(_number(s, *SIGMA_RANGE) for s in _items(value["sigmas"], len(LEVEL_SIDES)))
        return Framed(points, sigmas, _frame(value["frame"]))
    if kind is Spread:
        around = None if value["around"] is None else _number(value["around"], 0.0, 1.0)
        ranges = tuple(_pair(pair, *SIGMA_RANGE) for pair in _items(value["sigmas"], len(LEVEL_SIDES)))
        return Spread(_number(value["first"], 0.0, 1.0), around, ranges)
    if kind is Joint:
        return Joint()
    rows = whole(value, "rows", 1, MAX_ROWS)
    return Table(rows, _number(value["place"], 0.0, 1.0), _number(value["sigma"], 0.0, 1.0))


def _frame(value: object) -> FrameRecipe:
    if not isinstance(value, dict) or set(value) != set(FrameRecipe.__dataclass_fields__):
        raise ValueError("config.json: the prior's frame must have a zoom, an overhang and an angle")
    zoom = _pair(value["zoom"], 0.1, 10.0)
    return FrameRecipe(zoom, _number(value["overhang"], 0.0, 1.0), _number(value["angle"], 0.0, math.pi))


def _items(value: object, most: int) -> list[object]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise ValueError(f"config.json: the prior has a list that is not one of 1 to {most} entries")
    return value


def _pair(value: object, low: float, high: float) -> tuple[float, float]:
    values = _items(value, 2)
    if len(values) != 2:
        raise ValueError("config.json: the prior has a pair that is not two numbers")
    return _number(values[0], low, high), _number(values[1], low, high)


def _number(value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"config.json: the prior has a value that is no number from {low:g} to {high:g}")
    return float(value)


def _listed(value: object) -> dict[str, object]:
    """A dataclass's values with lists for tuples."""

    def plain(item: object) -> object:
        if isinstance(item, dict):
            return {name: plain(part) for name, part in item.items()}
        return [plain(part) for part in item] if isinstance(item, tuple | list) else item

    result = plain(value)
    assert isinstance(result, dict)
    return result
