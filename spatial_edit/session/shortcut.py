"""Shortcuts: a code that is too long for a link lies in the store, and a short `s` code names it.

Entry: MARK, then the code's text. Opening the short code opens the long one, so the picture is the same bit
for bit, weights are checked as ever, and a part that lies in another entry is looked up there.
"""

from __future__ import annotations

import re

from spatial_edit import share
from spatial_edit.store import Receipt, Store, StoreError

MARK = b"spatial-edit code\n"


def shorten(store: Store, code: str) -> Receipt:
    """Keep the text of a code that was opened; `share.encode_stored(receipt.id)` is its short code."""
    return store.put_with_key(MARK + code.encode("ascii"))


def read_shortcut(data: bytes) -> str | None:
    """The code that an entry holds; None when it holds a scene, StoreError when it is damaged."""
    if not data.startswith(MARK):
        return None
    text = data[len(MARK) :].decode("ascii", "replace")
    if len(text) > share.MAX_CODE or not re.fullmatch(r"[A-Za-z0-9_:.-]+", text):
        raise StoreError("the stored link is damaged: copy it again from where you got it")
    return text
