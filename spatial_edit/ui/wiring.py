"""The page: header, tabs, API; and how it is launched."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from spatial_edit import session as sessions
from spatial_edit.session import Lookup, Session, Store
from spatial_edit.session.adding import Adding
from spatial_edit.ui.api.endpoints import build_api
from spatial_edit.ui.context import Context, Parse, Spec
from spatial_edit.ui.edit_tab import build_edit_tab
from spatial_edit.ui.models.known import KnownModels
from spatial_edit.ui.models.models_tab import build_models_tab
from spatial_edit.ui.models.permission import NEVER, Permission
from spatial_edit.ui.photos.parse_tab import build_parse_tab
from spatial_edit.ui.serving.compress import CompressedPage
from spatial_edit.ui.serving.hardware import lent_search
from spatial_edit.ui.serving.seats import Seats

CACHE_SECONDS = (3600, 3600)  # how often Gradio's cache of pictures is swept, and how old they may become
QUEUE = 64
PHOTO_UPLOAD, MODEL_UPLOAD = "40mb", "4gb"
HEADER = """
<header class="masthead">
  <svg viewBox="0 0 64 64" aria-hidden="true">
    <ellipse cx="25" cy="38" rx="20" ry="13" transform="rotate(-18 25 38)"/>
    <ellipse cx="42" cy="24" rx="14" ry="10" transform="rotate(24 42 24)"/>
  </svg>
  <div>
    <h1>Spatial Edit</h1>
    <p>Take a generated room or your own photo apart, and move what is in it.</p>
  </div>
</header>
"""


def build(
    lookup: Lookup,
    store: Store,
    models: Mapping[str, Spec],
    *,
    parse: Parse | None = None,
    gpu: Lookup | None = None,
    permission: Permission = NEVER,
    adding: Adding | None = None,
) -> gr.Blocks:
    """The app on these models (name → registry row), `lookup` (name → loaded model) and `store`.

    `parse` is `session.parse_upload` unless given; `gpu` gives a model on the GPU, for photos where one is
    lent by the call. `permission` says who may add models, with `adding`; `models` may be
    `KnownModels`, which then learn of them. Nothing is loaded until a page is opened.
    """

    def new_session() -> Session:
        return context.new_session()

    def parse_upload(*arguments: Any, **named: Any) -> Any:
        return sessions.parse_upload(*arguments, **{"search": search, **named})

    search = lent_search(gpu)
    known = models if isinstance(models, KnownModels) else dict(models)
    context = Context(lookup, store, known, parse or parse_upload, Seats(new_session))
    with gr.Blocks(title="Spatial Edit", analytics_enabled=False, delete_cache=CACHE_SECONDS) as demo:
        gr.HTML(HEADER, elem_id="masthead", padding=False)
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Edit", id="edit"):
                edit = build_edit_tab(context, demo)
            with gr.Tab("Parse photos", id="parse"):
                parse_tab = build_parse_tab(context, edit, tabs)
            with gr.Tab("Models", id="models") as tab:
                build_models_tab(context, edit, parse_tab.model, tab, tabs, permission, adding or Adding())
        build_api(context)
    return demo.queue(max_size=QUEUE)


def launch_options(permission: Permission = NEVER) -> dict[str, Any]:
    """Keyword arguments for `launch` that belong to the page, wherever it runs.

    Run history off (it writes every run into the browser's storage), no server-side rendering, no share
    tunnel, the look. Errors are shown: handlers raise only sentences that are meant to be read. A photo above
    20 MB is refused by `images`, with a sentence and without harm to the others; Gradio's own limit, which
    refuses the whole upload, is twice that. Gradio has one limit for all uploads of an app: where models may
    be added it is that of a checkpoint.
    """
    return {
        "run_history": False,
        "ssr_mode": False,
        "share": False,
        "max_file_size": MODEL_UPLOAD if permission.allowed else PHOTO_UPLOAD,
        "enable_monitoring": False,
        "theme": _theme(),
        "css": (Path(__file__).parent / "page.css").read_text(encoding="utf-8"),
        "footer_links": ["api", "settings"],
        "app_kwargs": {"middleware": [Middleware(CompressedPage)]},
    }


def warm(lookup: Lookup, model: str, seed: int) -> None:
    """Load the first model and draw once, so that the first page need not wait. What fails here fails again
    when a page is opened, which says so."""
    with contextlib.suppress(ValueError, OSError):
        generator = lookup(model)
        generator.render(generator.sample(seed, 0.0))


def _theme() -> gr.themes.Base:
    system = (
        "system-ui",
        "-apple-system",
        "Segoe UI",
        "Roboto",
        "sans-serif",
    )  # nothing is fetched from elsewhere
    mono = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace")
    theme = gr.themes.Default(
        primary_hue="indigo", neutral_hue="zinc", radius_size="lg", font=system, font_mono=mono
    )
    return theme.set(
        button_secondary_background_fill="*background_fill_primary",
        button_secondary_background_fill_hover="*background_fill_secondary",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*border_color_primary",
        button_border_width="1px",
        button_border_width_dark="1px",
        button_large_text_weight="600",
        button_large_text_size="14px",
        button_large_padding="9px 14px",
        # Darker than the defaults, which miss a contrast of 4.5 to 1.
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        color_accent="*primary_600",
        body_text_color_subdued="*neutral_600",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_label_text_color="*body_text_color",
        block_title_text_color="*body_text_color",
    )
