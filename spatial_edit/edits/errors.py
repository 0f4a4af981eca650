"""What an edit says when it cannot be done."""

from __future__ import annotations


class EditError(ValueError):
    """An edit that is malformed or cannot be applied; the message is one sentence for the user."""
