"""Procedural bedrooms with ground truth: sample them from a seed, render them, and edit them into
counterfactual pairs."""

from spatial_edit.data.rooms.counterfactual import edit
from spatial_edit.data.rooms.picture import Render, boxes_of, flip
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.sheet import contact_sheet, draw_sheet
from spatial_edit.data.rooms.vocabulary import (
    GROUPS,
    INSTANCE,
    INSTANCE_ID,
    MIRRORED,
    SEMANTIC,
    SEMANTIC_ID,
    SEMANTIC_OF_INSTANCE,
)  # fmt: skip

__all__ = [
    "GROUPS",
    "INSTANCE",
    "INSTANCE_ID",
    "MIRRORED",
    "SEMANTIC",
    "SEMANTIC_ID",
    "SEMANTIC_OF_INSTANCE",
    "Render",
    "Rooms",
    "boxes_of",
    "contact_sheet",
    "draw_sheet",
    "edit",
    "flip",
    "render",
    "sample_rooms",
]
