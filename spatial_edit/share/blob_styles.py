"""What a code of version 3 holds of blobs beyond their geometry.

A byte of flags says which records follow, in this order; a record that says nothing is not there:

    1   seeds       count byte | 4 bytes each, in the order of first use: those that sources and backdrop name
    2   opacities   one bit an element: is it not 1? | a byte each, in hundredths
    4   sources     one bit an element | 3 bytes each: seed (0 = this scene, n = the n-th of the table), row,
                    share in hundredths
    8   colours     one bit an element | 3 bytes each
    16  backdrop    2 bytes: seed of the table, share
    32  surfaces    a byte with one bit each | 3 bytes each

Bits of elements stand in depth order, farthest first, the most significant first, filled up with zeros to
whole bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spatial_edit.layouts import Blobs, Colour, Source
from spatial_edit.layouts.blobs import SURFACES
from spatial_edit.layouts.style import SHARE_STEPS
from spatial_edit.share.envelope import CodeError, Reader, damaged

_SEEDS, _OPACITIES, _SOURCES, _COLOURS, _BACKDROP, _SURFACES = 1, 2, 4, 8, 16, 32


def is_plain(layout: Blobs) -> bool:
    """True when the layout holds nothing that needs these records; CodeError for an opacity outside 0..1."""
    return (
        all(_step(opacity, "an opacity") == SHARE_STEPS for opacity in layout.opacities)
        and not any(layout.sources)
        and not any(layout.colours)
        and not any(layout.surfaces)
        and layout.backdrop is None
    )


def pack(layout: Blobs) -> bytes:
    """The records; CodeError for a value that does not fit."""
    seeds = _seeds(layout)
    opacities = [_step(opacity, "an opacity") for opacity in layout.opacities]
    flags, body = 0, b""
    if seeds:
        flags |= _SEEDS
        body += bytes([len(seeds)]) + b"".join(seed.to_bytes(4, "big") for seed in seeds)
    if any(step != SHARE_STEPS for step in opacities):
        flags |= _OPACITIES
        body += _marked([bytes([step]) if step != SHARE_STEPS else b"" for step in opacities])
    if any(layout.sources):
        flags |= _SOURCES
        body += _marked([b"" if source is None else _source(source, seeds) for source in layout.sources])
    if any(layout.colours):
        flags |= _COLOURS
        body += _marked([_colour(colour) for colour in layout.colours])
    if layout.backdrop is not None:
        flags |= _BACKDROP
        seed, _, share = _source(layout.backdrop, seeds)
        if not seed:
            raise CodeError("what is behind names no seed: it has no code")
        body += bytes([seed, share])
    if any(layout.surfaces):
        flags |= _SURFACES
        body += _marked([_colour(colour) for colour in layout.surfaces])
    return bytes([flags]) + body


def unpack(layout: Blobs, reader: Reader) -> Blobs:
    """The layout with the records; CodeError when a field is out of its range."""
    count, flags = len(layout), reader.byte()
    if not 0 < flags < 2 * _SURFACES:
        raise damaged()
    seeds: list[int] = []
    if flags & _SEEDS:
        seeds = [int.from_bytes(reader.take(4), "big") for _ in range(reader.byte())]
    if flags & _OPACITIES:
        steps = [reader.byte() if given else SHARE_STEPS for given in _marks(reader, count)]
        layout = replace(layout, opacities=tuple(_share(step) for step in steps))
    if flags & _SOURCES:
        sources = [_read_source(reader, seeds) if given else None for given in _marks(reader, count)]
        layout = replace(layout, sources=tuple(sources))
    if flags & _COLOURS:
        layout = replace(layout, colours=_read_colours(reader, count))
    if flags & _BACKDROP:
        seed, share = reader.take(2)
        if not seed:
            raise damaged()
        layout = replace(layout, backdrop=Source(_seed(seed, seeds), 0, _share(share)))
    if flags & _SURFACES:
        layout = replace(layout, surfaces=_read_colours(reader, len(SURFACES)))
    return layout


def _seeds(layout: Blobs) -> list[int]:
    """Every seed that the layout names, in the order of first use."""
    sources = [*layout.sources, layout.backdrop]
    named = [source.seed for source in sources if source is not None and source.seed is not None]
    seeds = list(dict.fromkeys(named))
    if any(not 0 <= seed < 2**32 for seed in seeds):
        raise CodeError("an appearance names a seed outside 0 to 4294967295: it has no code")
    return seeds


def _source(source: Source, seeds: Sequence[int]) -> bytes:
    if not 0 <= source.row <= 255:
        raise CodeError(f"an appearance names row {source.row}: only rows 0 to 255 have a code")
    seed = 0 if source.seed is None else seeds.index(source.seed) + 1
    return bytes([seed, source.row, _step(source.share, "a share")])


def _read_source(reader: Reader, seeds: Sequence[int]) -> Source:
    seed, row, share = reader.take(3)
    return Source(_seed(seed, seeds), row, _share(share))


def _seed(index: int, seeds: Sequence[int]) -> int | None:
    if index > len(seeds):
        raise damaged()
    return seeds[index - 1] if index else None


def _colour(colour: Colour | None) -> bytes:
    if colour is None:
        return b""
    if len(colour) != 3 or any(not 0 <= value <= 255 for value in colour):
        raise CodeError(f"a colour is {colour}: its three values must lie in 0 to 255")
    return bytes(colour)


def _read_colours(reader: Reader, count: int) -> tuple[Colour | None, ...]:
    colours: list[Colour | None] = []
    for given in _marks(reader, count):
        if given:
            red, green, blue = reader.take(3)
            colours.append((red, green, blue))
        else:
            colours.append(None)
    return tuple(colours)


def _step(value: float, what: str) -> int:
    if not 0.0 <= value <= 1.0:  # also refuses NaN
        raise CodeError(f"{what} is {value}: it must lie in [0, 1]")
    return round(value * SHARE_STEPS)


def _share(step: int) -> float:
    if step > SHARE_STEPS:
        raise damaged()
    return step / SHARE_STEPS


def _marked(records: Sequence[bytes]) -> bytes:
    """One bit for every record that is not empty, then those records."""
    bits = 0
    for record in records:
        bits = bits << 1 | bool(record)
    spare = -len(records) % 8
    return (bits << spare).to_bytes((len(records) + spare) // 8, "big") + b"".join(records)


def _marks(reader: Reader, count: int) -> list[bool]:
    bits = int.from_bytes(reader.take((count + 7) // 8), "big") >> (-count % 8)
    return [bool(bits >> (count - 1 - k) & 1) for k in range(count)]
