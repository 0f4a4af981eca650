"""How long a drag takes: the point alone (DragGAN on a plain StyleGAN2), code and centres together, and the
coarse move of the centres before it (SpatialGAN, Wang et al. 2023, table II), in one run on the same points.

A drag ends when the handle is within 0.03 of the side of its target, or after 300 steps, which then are its
time; nothing gives up earlier. The methods take turns, pull by pull.

coarse_fine_speedup_30, _60   mean time of a drag alone over that of coarse + fine, at 30/256 and 60/256;
                              .._median: of medians, .._arrived: over the pulls where both arrived
distance_drag, distance_coarse_fine   mean last distance between handle and target over the side, both lengths
refound_<method>              the same by features that the drags have no part in
step_speedup, step_speedup_fp32   see `drag_steps`
coarse_r.._a..                with --part reach alone, see `drag_reach`
sel_cost                      see `sel_cost`
<method>_<length>_...         see `metrics.drag_distance.Outcomes`: seconds, misses, refound ..
"""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import cast

from spatial_edit.bench import BenchError, Figures
from spatial_edit.bench.drag_reach import coarse_grid
from spatial_edit.bench.drag_steps import step_speedup
from spatial_edit.bench.paired import threads
from spatial_edit.bench.sel_cost import sel_cost
from spatial_edit.edits.drag import DragOptions
from spatial_edit.generators.dragging import Draggable
from spatial_edit.metrics.drag_distance import (
    ARRIVED,
    CAP,
    OF,
    PIXELS,
    Model,
    Outcomes,
    draw_pulls,
    in_turn,
    seen,
    timed_drag,
)
from spatial_edit.metrics.patches import Patches

DRAG, JOINT, COARSE = "drag", "joint", "coarse_fine"
QUICK, QUICK_CAP, NARROW = 2, 20, 1024  # pulls a length; steps; channel base
MOST = 1000
RATE = DragOptions().learning_rate
PARTS = ("moves", "steps", "sel")  # "reach" only when it is asked for
TARGETS = {  # figure -> the bound, and whether it is the least or the most
    "coarse_fine_speedup_30": (2.5, True),
    "coarse_fine_speedup_60": (2.8, True),
    "distance_coarse_fine": (0.03, False),
    "step_speedup": (3.0, True),
    "sel_cost": (1.3, False),
}


def run(options: Namespace) -> Figures:
    """Everything, or the parts that `options.part` names. BenchError for numbers that make no sense and for
    models that cannot be compared."""
    if not 1 <= options.moves <= MOST or not 1 <= options.threads <= 64:
        raise BenchError(f"--moves goes from 1 to {MOST}, --threads from 1 to 64")
    if not 0 < options.rate <= 1:
        raise BenchError(f"--rate is {options.rate:g}: it must lie above 0, at most at 1")
    moves = min(options.moves, QUICK) if options.quick else options.moves
    parts = options.part or PARTS
    figures: Figures = {}
    if "moves" in parts:
        spatial, plain = _model(options.model), _model(options.baseline)
        with threads(options.threads):
            cap = QUICK_CAP if options.quick else CAP
            figures |= compared(spatial, plain, moves, options.seed, options.rate, cap)
        figures |= {"model": options.model, "baseline": options.baseline}
    if "reach" in parts:
        say("reach and share of the coarse move")
        figures |= coarse_grid(_model(options.model), moves)
    if "steps" in parts:
        say("steps: ours and the usual one in turn")
        quick = {"rounds": 2, "drags": 1, "base": NARROW} if options.quick else {}
        figures |= step_speedup(count=options.threads, **quick)
    if "sel" in parts:
        say("the spatial encoding's cost")
        quick = {"rounds": 2, "base": NARROW} if options.quick else {}
        figures |= sel_cost(count=options.threads, **quick)
    return figures | {"threads": options.threads, "quick": bool(options.quick)}


def compared(
    spatial: Model, plain: Model, moves: int, seed: int = 0, rate: float = RATE, cap: int = CAP
) -> Figures:
    """The three methods on the same pulls of both lengths. rate: of Adam for the codes; cap: the most
    steps. ValueError for a `spatial` without centres and for models that cannot be dragged."""
    for one in (spatial, plain):
        if not isinstance(one, Draggable):
            raise BenchError("one of the two models cannot be dragged: compare a SpatialGAN and a StyleGAN2")
    known, patches = seen(spatial), Patches.usual()
    methods = {
        DRAG: (plain, settings("latent", rate, cap)),
        JOINT: (spatial, settings("joint", rate, cap)),
        COARSE: (spatial, settings("coarse", rate, cap)),
    }
    figures: Figures = {}
    every = {name: Outcomes() for name in methods}
    for pixels in PIXELS:
        pulls = draw_pulls(spatial, pixels / OF, moves, seed, known)
        say(f"{moves} pulls of {pixels}/{OF} of the side")
        for model, how in methods.values():
            timed_drag(model, pulls[0], how)  # not counted: what is computed once is computed here
        outcomes = in_turn(methods, pulls, patches)
        figures |= _told(outcomes, pixels)
        for name, many in outcomes.items():
            every[name].all += many.all
    for name, many in every.items():
        means = many.figures()
        figures |= {f"{key}_{name}": means[key] for key in ("distance", "refound") if key in means}
    return figures | {"moves": moves, "refound_by": patches.name, "learning_rate": rate, "cap": cap}


def settings(mode: str, rate: float = RATE, cap: int = CAP) -> DragOptions:
    """One stop rule for all; the rest as people use it."""
    return DragOptions(
        mode=mode,  # type: ignore[arg-type]
        steps=cap,
        arrived=ARRIVED,
        learning_rate=rate,
        watch=False,
    )


def _told(outcomes: dict[str, Outcomes], pixels: int) -> Figures:
    """The figures of one length, and the ratios of times."""
    figures: Figures = {}
    for name, many in outcomes.items():
        figures |= {f"{name}_{pixels}_{key}": value for key, value in many.figures().items()}

    def over(key: str, fast: str) -> float:
        slow, quick = (cast(float, figures[f"{name}_{pixels}_{key}"]) for name in (DRAG, fast))
        return round(slow / quick, 3)

    both = [
        (slow.seconds, fast.seconds)
        for slow, fast in zip(outcomes[DRAG].all, outcomes[COARSE].all, strict=True)
        if slow.arrived and fast.arrived
    ]
    if both:
        slow_time, fast_time = map(sum, zip(*both, strict=True))
        figures[f"coarse_fine_speedup_{pixels}_arrived"] = round(slow_time / fast_time, 3)
    return figures | {
        f"coarse_fine_speedup_{pixels}": over("seconds", COARSE),
        f"coarse_fine_speedup_{pixels}_median": over("seconds_median", COARSE),
        f"joint_speedup_{pixels}": over("seconds", JOINT),
    }


def table(figures: Figures) -> str:
    """What is aimed at first, then all the rest."""
    lines = []
    for name, (bound, least) in TARGETS.items():
        if name in figures:
            value = cast(float, figures[name])
            reached = value >= bound if least else value <= bound
            sign = ">=" if least else "<="
            lines.append(f"{name:<32} {value:<10.4g} {sign} {bound:<6g} {'reached' if reached else 'missed'}")
    lines += [f"{name:<32} {value}" for name, value in figures.items() if name not in TARGETS]
    return "\n".join(lines)


def say(text: str) -> None:
    """Progress, to standard error: the figures alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def _model(name: str) -> Model:
    from spatial_edit.generators.registry import load

    return load(name)
