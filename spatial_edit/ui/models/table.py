"""The table of models: a component that shows texts as texts, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import gradio as gr

from spatial_edit.session.model_table import ModelRow

FOLDER = Path(__file__).parent


def models_table() -> gr.HTML:
    """The component; its events are `open_model` and `remove_model`, with the model's name as `name`."""
    return gr.HTML(
        table_value((), False),
        html_template=(FOLDER / "models.html").read_text(encoding="utf-8"),
        css_template=(FOLDER / "models.css").read_text(encoding="utf-8"),
        js_on_load=(FOLDER / "models.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        padding=False,
        elem_id="models",
    )


def table_value(rows: Iterable[ModelRow], may_remove: bool) -> dict[str, object]:
    """What the component shows."""
    return {"rows": [asdict(row) for row in rows], "removable": may_remove}


def outcome() -> gr.HTML:
    """A line that says what became of the last request; its value is what `outcome_value` gives."""
    return gr.HTML(
        outcome_value(""),
        html_template=(FOLDER / "outcome.html").read_text(encoding="utf-8"),
        css_template=(FOLDER / "outcome.css").read_text(encoding="utf-8"),
        js_on_load=(FOLDER / "outcome.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        padding=False,
        elem_id="outcome",
    )


def outcome_value(
    words: str, state: str = "", notes: Iterable[str] = (), seconds: int = 0
) -> dict[str, object]:
    """state: "busy", "done", "failed" or "" for nothing to say; seconds: how long it goes on by now."""
    return {"words": words, "state": state, "notes": list(notes), "seconds": seconds}
