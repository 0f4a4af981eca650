"""The classes of the two data sets that published networks know: words, and which of them are things.

Cityscapes: ids 24 .. 33 of the 35 labels are things. ADE20K (150 classes of the scene parsing benchmark, from
0, then "unknown"): the 115 that its authors call objects; the 35 others are stuff.
"""

from __future__ import annotations

CITYSCAPES_THINGS = tuple(range(24, 34))
_CITY_THINGS = "person|rider|car|truck|bus|caravan|trailer|train|motorcycle|bicycle"
CITYSCAPES_NAMES = (
    *(f"class {i}" for i in range(24)),
    *_CITY_THINGS.split("|"),
    "class 34",
)

_ADE_STUFF = (
    0, 1, 2, 3, 5, 6, 9, 11, 13, 16, 21, 25, 26, 28, 29, 46, 48, 51, 52, 54, 59, 60, 61, 68, 79, 84, 91, 94,
    96, 101, 105, 109, 113, 128, 140,
)  # fmt: skip
ADE_THINGS = tuple(i for i in range(150) if i not in _ADE_STUFF)
ADE_NAMES = (
    *(
        "wall|building|sky|floor|tree|ceiling|road|bed|window|grass|cabinet|sidewalk|person|earth|door|table|"
        "mountain|plant|curtain|chair|car|water|painting|sofa|shelf|house|sea|mirror|rug|field|armchair|seat|"
        "fence|desk|rock|wardrobe|lamp|bathtub|railing|cushion|base|box|column|signboard|chest of drawers|"
        "counter|sand|sink|skyscraper|fireplace|refrigerator|grandstand|path|stairs|runway|case|pool table|"
        "pillow|screen door|stairway|river|bridge|bookcase|blind|coffee table|toilet|flower|book|hill|bench|"
        "countertop|stove|palm|kitchen island|computer|swivel chair|boat|bar|arcade machine|hovel|bus|towel|"
        "light|truck|tower|chandelier|awning|streetlight|booth|television|airplane|dirt track|apparel|pole|"
        "land|bannister|escalator|ottoman|bottle|buffet|poster|stage|van|ship|fountain|conveyer belt|canopy|"
        "washer|plaything|swimming pool|stool|barrel|basket|waterfall|tent|bag|minibike|cradle|oven|ball|"
        "food|step|tank|trade name|microwave|pot|animal|bicycle|lake|dishwasher|screen|blanket|sculpture|"
        "hood|sconce|vase|traffic light|tray|ashcan|fan|pier|crt screen|plate|monitor|bulletin board|shower|"
        "radiator|glass|clock|flag"
    ).split("|"),
    "unknown",
)


def plain_names(labels: int) -> tuple[str, ...]:
    """Words for classes of which nothing is known."""
    return tuple(f"class {i}" for i in range(labels))
