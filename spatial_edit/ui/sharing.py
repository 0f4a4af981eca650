"""Sharing from the page: the fields and buttons beside the canvas, and the links that need the store.

A code of at most LINK_CHARACTERS is a link by itself. A longer one becomes an entry of the store when its
link is copied, and the page says how long that lasts.
"""

from __future__ import annotations

import html
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from spatial_edit import share
from spatial_edit.session import Store, shorten
from spatial_edit.ui import template
from spatial_edit.ui.context import Context

LINK_CHARACTERS = (
    2000  # as LINK_CODE in stage/share.js: longer addresses are cut by chat programs and proxies
)
MOST_A_MINUTE = 30  # scenes that the whole app stores for links
_REMEMBERED = 256


@dataclass(frozen=True)
class Shared:
    """What a link names: its code, what the visitor should know, and the key that deletes a new entry."""

    code: str
    note: str = ""
    key: str = ""


class ShareDesk:
    """Gives codes that fit a link. Safe to use from several threads."""

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._context, self._clock = context, clock
        self._made: dict[str, str] = {}  # long code → the short one
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def answer(self, payload: object) -> dict[str, str]:
        """`{"code", "note", "key"}` for `{"code"}`; ValueError with a sentence when there is no such scene,
        or no room for it."""
        code = payload.get("code") if isinstance(payload, dict) else None
        if not isinstance(code, str):
            raise ValueError("a request for a link needs a code: reload the page")
        return asdict(self.shared(code))

    def shared(self, code: str) -> Shared:
        """The scene of `code` under a code that fits a link."""
        store = self._context.store
        if len(code) <= LINK_CHARACTERS:
            if not share.is_stored(code):
                share.decode(code)
                return Shared(code)
            store.get(share.decode_stored(code).entry)  # NotFound: deleted or expired meanwhile
            return Shared(
                code, "" if store.persistent else "It works until the app restarts: no store is set up."
            )
        with self._lock:
            return self._kept(store, code)

    def _kept(self, store: Store, code: str) -> Shared:
        """A scene is kept once: the second visitor gets the same link, without the key."""
        try:
            if code in self._made:
                store.get(share.decode_stored(self._made[code]).entry)
                return Shared(self._made[code], _how_long(store))
        except ValueError:  # deleted or expired meanwhile
            del self._made[code]
        self._admit()
        self._context.new_session().open(code)  # what cannot be drawn is not kept
        receipt = shorten(store, code)
        self._made[code] = share.encode_stored(receipt.id)
        while len(self._made) > _REMEMBERED:
            self._made.pop(next(iter(self._made)))
        return Shared(self._made[code], _how_long(store), receipt.key)

    def _admit(self) -> None:
        now = self._clock()
        while self._times and now - self._times[0] > 60:
            self._times.popleft()
        if len(self._times) >= MOST_A_MINUTE:
            raise ValueError("too many scenes are being stored just now: try again in a minute")
        self._times.append(now)


def build_sharing() -> gr.Textbox:
    """The edit code, the buttons, and the box with link and snippets; gives the field of the code."""
    code = gr.Textbox(
        label="Edit code",
        info="Names this very picture. Paste another one and press Enter to open it.",
        max_lines=1,
        max_length=share.MAX_CODE + 104,  # a little more than is read, so that too long a code is told
        buttons=["copy"],
        elem_id="code",
    )
    with gr.Row(elem_classes=["buttons", "small"]):
        link = gr.Button("Copy link", min_width=90, elem_id="copy-link")
        saves = {
            "picture": gr.Button("Picture ↓", min_width=80, elem_id="save-picture"),
            "map": gr.Button("Map ↓", min_width=80, elem_id="save-map"),
            "scene": gr.Button("Scene ↓", min_width=80, elem_id="save-scene"),
        }
    gr.HTML(
        html_template=_box(),
        css_template=(template.FOLDER / "share" / "box.css").read_text(encoding="utf-8"),
        apply_default_css=False,
        padding=False,
        elem_id="sharing",
    )
    private: dict[str, Any] = {"api_visibility": "private"}
    link.click(None, js="() => { window.spatialEdit.copyLink(); }", **private)
    for what, button in saves.items():
        button.click(None, js=f"() => {{ window.spatialEdit.download('{what}'); }}", **private)
    return code


def _box() -> str:
    """The box's HTML, with where the app answers on a Space and the version of Gradio that a page needs."""
    facts = " ".join(
        f'data-{name}="{html.escape(str(value))}"'
        for name, value in (
            ("home", space_home()),
            ("gradio", gr.__version__),
            ("limit", LINK_CHARACTERS),
        )
    )
    page = (template.FOLDER / "share" / "box.html").read_text(encoding="utf-8")
    return page.replace('<div class="ss">', f'<div class="ss" {facts}>')


def space_home() -> str:
    """Where the app of this Space answers, outside the Hub's page; "" elsewhere."""
    name = os.environ.get("SPACE_HOST", "")
    return f"https://{name}" if re.fullmatch(r"[A-Za-z0-9.-]+", name) else ""


def _how_long(store: Store) -> str:
    how_long = f"for {store.quota.days:g} days" if store.persistent else "until the app restarts"
    why = "" if store.persistent else ": no store is set up"
    return f"The scene is too large for a link alone, so it is kept here {how_long}{why}."
