"""The API's endpoint for dragging points."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr
from PIL import Image

from spatial_edit.images import to_pil
from spatial_edit.session.drag import MODES, MOST_STEPS, RANGES, SPACES, DragStep, read_drag
from spatial_edit.ui.api.fields import Fields
from spatial_edit.ui.context import Context, spoken
from spatial_edit.ui.dragging.run import LONGEST
from spatial_edit.ui.dragging.runs import BUSY

DRAG_EVENTS: dict[str, Any] = {
    "concurrency_id": "drag",
    "concurrency_limit": 2,
}  # long: no picture waits for it
ENDS = {"arrived": "arrived", "stopped": f"stopped after {LONGEST:.0f} seconds"}


def drag_manual() -> str:
    """The endpoint's words for clients."""
    ranges = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in RANGES.items())
    return (
        "Drag points of a scene's picture: what is at each handle goes to its target. Gives the picture, its "
        "edit code and how it ended; a drag that fails gives the best state that it saw, and says so.\n\n"
        f"Options, all to be left out: mode ({', '.join(MODES)}), space ({', '.join(SPACES)}), "
        f"steps (1 to {MOST_STEPS}), {ranges}; lengths are fractions of the picture's side."
    )


def add_drags(context: Context, fields: Fields, button: gr.Button) -> None:
    """Add the endpoint to the surrounding Blocks."""

    @spoken
    def drag(code: str, points: Any, mask: Any, options: Any) -> tuple[Image.Image, str, str]:
        """Drag points of a scene's picture: what is at each handle goes to its target.

        Args:
            code: an edit code
            points: 1 to 32 objects with x, y (the handle) and to_x, to_y (its target), 0 to 1, y down
            mask: where the picture may change, as for the edit protect; empty for everywhere
            options: an object; see the description
        """
        read_drag(points, mask, options)  # what is wrong is told before anybody waits
        session, last = context.new_session(), _Last()
        model = session.open(code).scene.model
        with context.drags.turn(model, context.drags.patience()) as mine:
            if not mine:
                raise ValueError(BUSY)
            until = time.monotonic() + LONGEST
            frame = session.drag(
                points, mask, options, watch=last.see, keep_going=lambda: time.monotonic() < until
            )
        return to_pil(frame.image), frame.code, last.told()

    button.click(
        drag,
        [fields.code, fields.points, fields.mask, fields.options],
        [fields.image, fields.code, fields.note],
        api_name="drag",
        api_description=drag_manual(),
        **DRAG_EVENTS,
    )


class _Last:
    """The last step of a drag, in words."""

    def __init__(self) -> None:
        self.step: DragStep | None = None

    def see(self, step: DragStep) -> None:
        self.step = step

    def told(self) -> str:
        step = self.step
        assert step is not None  # a drag that made a frame made steps
        how = ENDS.get(step.state) or f"{step.state}: {step.note}"
        return f"{how}; {step.number} steps, {100 * step.distance:.1f} % of the side to go"
