"""The server functions behind what is seen beside the picture: maps, what is inside the networks, variations,
replay, files dropped in.

Each takes one object and answers with a dict, `{"error": sentence}` when it cannot. They run outside
Gradio's queue: two desks bound them, one for what takes a moment and one for what takes longer.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spatial_edit.ui.seeing.desk import Desk
from spatial_edit.ui.seeing.inside import seen_inside
from spatial_edit.ui.seeing.maps import seen_map
from spatial_edit.ui.seeing.opening import opened_code
from spatial_edit.ui.seeing.replay import Jobs, replay_file
from spatial_edit.ui.seeing.variations import variations

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context

Answer = dict[str, object]


def seeing_functions(context: Context) -> list[Callable[[Any], Answer]]:
    """`see_map`, `see_inside`, `make_variations`, `make_replay`, `replay_state` and `open_scene_file`."""
    quick, slow, jobs = Desk(per_second=8, burst=16), Desk(per_second=0.5, burst=8, patience=60), Jobs()
    opening = Desk(per_second=0.5, burst=16)  # a file may become an entry of the store, of up to 4 MB

    def see_map(payload: Any) -> Answer:
        return _told(lambda: seen_map(context, payload).answer(), quick)

    def see_inside(payload: Any) -> Answer:
        return _told(lambda: seen_inside(context, payload), quick)

    def make_variations(payload: Any) -> Answer:
        return _told(lambda: variations(context, payload), slow)

    def make_replay(payload: Any) -> Answer:
        def make() -> Answer:
            tell = jobs.start(payload.get("job") if isinstance(payload, dict) else None)
            with slow.turn():
                tell(0.0)  # it may have been stopped while it waited
                name, kind, data = replay_file(context, payload, tell)
            return {"name": name, "data": f"data:{kind};base64,{base64.b64encode(data).decode()}"}

        return _told(make)

    def replay_state(payload: Any) -> Answer:
        return _told(lambda: jobs.state(payload))

    def open_scene_file(payload: Any) -> Answer:
        return _told(lambda: {"code": opened_code(context, payload)}, opening)

    return [see_map, see_inside, make_variations, make_replay, replay_state, open_scene_file]


def _told(make: Callable[[], Answer], desk: Desk | None = None) -> Answer:
    from spatial_edit.ui.context import sentence

    try:
        if desk is None:
            return make()
        with desk.turn():
            return make()
    except (ValueError, OSError) as error:
        return {"error": sentence(error)}
