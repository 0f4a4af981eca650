"""Delete a parsed photo's scene from the store, with the key that its parsing showed."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import gradio as gr

from spatial_edit.session import delete_stored
from spatial_edit.ui.context import Context, spoken

INTRO = (
    "Whoever has a scene's link can open it. With its key you can delete the scene: the link and all edits "
    "made from it stop working. The key is shown here and in the zip's table, and nowhere else: keep it if "
    "you may want it later."
)


def build_deletion(context: Context) -> tuple[gr.Textbox, gr.Textbox]:
    """Lay out and wire the panel; gives the fields for code and key, which the chosen result fills."""
    with gr.Accordion("Delete a scene's link", open=False, elem_id="deletion", elem_classes="deletion"):
        gr.Markdown(INTRO)
        with gr.Row():
            code = gr.Textbox(label="Link or code", max_lines=1, max_length=4200, elem_id="delete-code")
            key = gr.Textbox(
                label="Deletion key", max_lines=1, max_length=60, buttons=["copy"], elem_id="delete-key"
            )
        button = gr.Button("Delete for good", variant="stop", size="md", elem_id="delete")
        told = gr.Markdown("", elem_id="delete-told")

    @spoken
    def on_delete(code: str, key: str) -> tuple[str, str, str]:
        delete(context, code, key)
        return "", "", "The scene is deleted; its links no longer work."

    button.click(on_delete, [code, key], [code, key, told], show_progress="hidden", api_visibility="private")
    return code, key


def delete(context: Context, code: str, key: str) -> None:
    """Delete the scene of an `s:` code or of a link with `?s=`; ValueError for a wrong code or key."""
    text = (code or "").strip()
    named = parse_qs(urlsplit(text).query).get("s", []) if "?" in text else []
    if not text or not (key or "").strip():
        raise ValueError("name the scene and its key: both are shown when a photo is parsed")
    # a table's cell that begins with "-" carries a quote, so that a spreadsheet takes it for no formula
    delete_stored(context.store, f"s:{named[0]}" if named else text, key.strip().removeprefix("'"))
