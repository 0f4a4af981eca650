"""The server functions of the canvas's tool "drag", and how a drag that ended becomes a step of the history.

Each takes one object and answers with a dict, `{"error": sentence}` when it cannot. `drag_state` is asked all
the time: it waits a moment for news, so that the picture follows without the page asking more often than
things happen.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from spatial_edit.films import KINDS
from spatial_edit.layouts.strict_json import show
from spatial_edit.session import Frame, Session, resolve
from spatial_edit.session.drag import drag_refusal, drag_steps, read_drag
from spatial_edit.ui.dragging.runs import LEFT, Drags
from spatial_edit.ui.seeing.desk import Desk
from spatial_edit.ui.seeing.maps import a_code

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context

Answer = dict[str, object]
NEWS_SECONDS = 0.4  # that a question waits for something new
MOST_WAITING = 8  # questions that wait at once, of the 40 threads that Gradio has for everything
CLIENT_CHARACTERS = 40
SMALL, OFTEN, SELDOM = (
    128,
    2,
    5,
)  # steps between live pictures of models up to SMALL pixels, and of larger ones


def drag_functions(context: Context) -> list[Callable[[Any], Answer]]:
    """`drag_start`, `drag_state` and `drag_film`, for the canvas."""
    starting, filming = Desk(per_second=0.5, burst=10), Desk(per_second=0.5, burst=6, patience=60)
    places = threading.Semaphore(MOST_WAITING)

    def drag_start(payload: Any) -> Answer:
        def start() -> Answer:
            with starting.turn():
                return started(context, payload)

        return _told(start)

    def drag_state(payload: Any) -> Answer:
        def state() -> Answer:
            may_wait = places.acquire(blocking=False)
            try:
                return drag_news(context.drags, payload, NEWS_SECONDS if may_wait else 0.0)
            finally:
                if may_wait:
                    places.release()

        return _told(state)

    def drag_film(payload: Any) -> Answer:
        def film() -> Answer:
            with filming.turn():
                return filmed(context.drags, payload)

        return _told(film)

    return [drag_start, drag_state, drag_film]


def started(context: Context, payload: Any) -> Answer:
    """`{"run"}` of `{"client", "code", "points", "mask", "options"}`; ValueError when it cannot begin."""
    if not isinstance(payload, dict):
        raise ValueError("a drag must be an object: reload the page")
    client = payload.get("client")
    if not isinstance(client, str) or not 0 < len(client) <= CLIENT_CHARACTERS:
        raise ValueError("a drag needs the name of its page: reload the page")
    code = a_code(payload.get("code"))
    asked = read_drag(payload.get("points"), payload.get("mask"), payload.get("options"))
    scene, generator = resolve(context.lookup, context.store, code, names=context.model_of_number)
    refused = drag_refusal(generator, scene)
    if refused:
        raise ValueError(refused)
    if "picture_every" not in (payload.get("options") or {}):
        every = OFTEN if generator.spec.resolution <= SMALL else SELDOM
        asked = replace(asked, options=replace(asked.options, picture_every=every))
    steps = partial(drag_steps, generator, scene, asked)
    return {"run": context.drags.start(client, code, scene, asked, steps).token}


def drag_news(drags: Drags, payload: Any, patience: float) -> Answer:
    """How far the run of `{"run", "known", "pictured", "stop"}` is: see `Run.news`. `stop` true ends it and
    keeps what is there."""
    from spatial_edit.ui.context import sentence

    given = payload if isinstance(payload, dict) else {}
    run = drags.get(given.get("run"))
    if given.get("stop") is True:
        run.stop()
    told = run.news(_count(given.get("known")), _count(given.get("pictured")), patience)
    if run.over:
        told |= {"error": sentence(run.failure) if run.failure else ""}
        told |= {"note": sentence(ValueError(run.note)) if run.note else ""}
    return told


def filmed(drags: Drags, payload: Any) -> Answer:
    """`{"name", "data"}` (a data URL) of `{"run", "format", "marks"}`."""
    given = payload if isinstance(payload, dict) else {}
    run, kind = drags.get(given.get("run")), given.get("format")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"there is no film format {show(kind)}: choose {', '.join(KINDS)}")
    data = base64.b64encode(run.frames.file(kind, given.get("marks") is not False)).decode()
    scene = run.scene
    made_from = scene.latent.seed if scene.provenance.kind == "seed" else scene.provenance.kind
    return {"name": f"{scene.model}-{made_from}-drag.{kind}", "data": f"data:{KINDS[kind]};base64,{data}"}


def keep_dragged(drags: Drags, session: Session, edit: Any, code: object) -> Frame:
    """What the run of `{"run"}` ended with becomes the present of a session, if it began at this code."""
    run = drags.get(edit.get("run") if isinstance(edit, dict) else None)
    if run.state != "done" or run.result is None:
        raise ValueError(LEFT)
    if run.code != code:
        raise ValueError("the scene has changed since this drag began: drag again")
    return session.keep_drag(run.result, run.note)


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else 0


def _told(make: Callable[[], Answer]) -> Answer:
    from spatial_edit.ui.context import sentence

    try:
        return make()
    except (ValueError, OSError) as error:
        return {"error": sentence(error)}
