"""What happens to a page's scene: the first one, the canvas's edits, and how both are shown.

Handlers only translate clicks into `Session` calls. Those of the canvas never raise for a refused edit: they
answer with the unharmed scene and the sentence, so that the stage shows what is true.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from spatial_edit.session import Frame, Session
from spatial_edit.share import OtherWeights
from spatial_edit.ui.canvas import empty_value
from spatial_edit.ui.context import Context, model_choices, sentence
from spatial_edit.ui.dragging.service import keep_dragged
from spatial_edit.ui.serving.seats import Seat


def answer(context: Context, seat: Seat, frame: Frame, why: str, **more: Any) -> list[Any]:
    """Values for `EditTab.scene`. A parsed photo has no seed: the fields keep what they say."""
    scene = frame.scene
    from_seed = scene.provenance.kind == "seed"
    value = context.show(seat, frame, why, **more)
    # another page may have added the model since this one was opened
    model = scene.model if why == "commit" else gr.Dropdown(choices=model_choices(context), value=scene.model)
    return [
        seat.token,
        gr.HTML(value=value),
        model,
        *((scene.latent.seed, scene.latent.truncation) if from_seed else (gr.skip(), gr.skip())),
        frame.code,
    ]


def commit(context: Context, token: str, asked: dict[str, Any]) -> list[Any]:
    """Answer the canvas: `kind` is edit, drag, vary, undo, redo or goto; `code` names the scene that the
    browser meant."""
    seat = context.seats.take(token)
    stamp = _stamp(asked["stamp"])
    with seat.lock:
        session = seat.session
        try:
            _return_to(session, asked["code"])
            dragged = asked["kind"] == "drag"
            if dragged:
                frame = keep_dragged(context.drags, session, asked["edit"], asked["code"])
            else:
                frame = _step(session, asked["kind"], asked["edit"])
        except (ValueError, OSError) as error:
            if session.frame is None:
                return [
                    seat.token,
                    gr.HTML(value=empty_value(sentence(error)) | {"stamp": stamp}),
                    *[gr.skip()] * 4,
                ]
            return answer(context, seat, session.frame, "commit", stamp=stamp, error=sentence(error))
        why = "open" if asked["kind"] == "open" else "commit"
        key = session.receipt.key if dragged and session.receipt else ""
        return answer(context, seat, frame, why, stamp=stamp, key=key)


def _stamp(value: object) -> int:
    """The browser's number of the commit, which goes back in the answer; 0 for what is none."""
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def _step(session: Session, kind: object, edit: object) -> Frame:
    if kind == "edit":
        return session.edit(edit)
    if kind == "vary" and isinstance(edit, dict):
        return session.vary(edit.get("kind"), edit.get("seed"), edit.get("keep") or ())
    if kind == "open" and isinstance(edit, dict):
        return session.open(str(edit.get("code", "")))
    if kind == "undo":
        return session.undo()
    if kind == "redo":
        return session.redo()
    if kind == "goto" and isinstance(edit, dict):
        return _goto(session, edit)
    raise ValueError("this page is out of date: reload it")


def _goto(session: Session, where: dict[str, Any]) -> Frame:
    """To `{"step": i}` or `{"branch": i}` of the history as the canvas was told it."""
    for key, go in (("step", session.goto), ("branch", session.take_branch)):
        index = where.get(key)
        if isinstance(index, int) and not isinstance(index, bool) and len(where) == 1:
            return go(index)
    raise ValueError("this page is out of date: reload it")


def _return_to(session: Session, code: object) -> None:
    """A seat that was lost, or a scene that another event opened meanwhile: go to what the browser shows."""
    if not isinstance(code, str):
        raise ValueError("this page is out of date: reload it")
    if session.frame is None or session.frame.code != code:
        session.open(code)


def load(context: Context, query: dict[str, str]) -> list[Any]:
    """The first scene of a page: the link's, or a fresh one with the reason."""
    context.refresh_models()
    seat = context.seats.take("")
    banner = [gr.Row(visible=False), "", ""]
    code = query.get("e") or (f"s:{query['s']}" if query.get("s") else "")
    warning = ""
    if code:
        try:
            return [*answer(context, seat, seat.session.open(code), "open"), *banner]
        except OtherWeights as error:
            banner = [gr.Row(visible=True), f"{sentence(error)} Below is a fresh scene.", code]
        except (ValueError, OSError) as error:
            warning = f"{sentence(error)} Here is a fresh scene."
            gr.Warning(warning, title="This link cannot be opened")
    try:
        frame = seat.session.generate(context.first_model, context.first_seed)
    except (ValueError, OSError) as error:
        return [seat.token, gr.HTML(value=empty_value(sentence(error))), *[gr.skip()] * 4, *banner]
    return [*answer(context, seat, frame, "fresh", error=warning), *banner]
