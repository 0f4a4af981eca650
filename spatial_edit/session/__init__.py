"""Session: the one object that holds a user's state, and the stateless calls beside it."""

from spatial_edit.session.picture import draw
from spatial_edit.session.resolve import Lookup, Names, delete_stored, render_live, resolve
from spatial_edit.session.shortcut import shorten
from spatial_edit.session.state import Frame, Session, Step, Timeline
from spatial_edit.session.upload import ParsedUpload, Search, find_scene, parse_upload
from spatial_edit.store import Receipt, Store

__all__ = [
    "Frame",
    "Lookup",
    "Names",
    "ParsedUpload",
    "Receipt",
    "Search",
    "Session",
    "Step",
    "Store",
    "Timeline",
    "delete_stored",
    "draw",
    "find_scene",
    "parse_upload",
    "render_live",
    "resolve",
    "shorten",
]
