"""Dragging points of a picture to where they should be (Pan et al. 2023, "Drag Your GAN"), with the coarse
move of a heatmap's centres in front (Wang et al. 2023, section 3.5, equation 6)."""

from spatial_edit.edits.drag.options import DragError, DragOptions, DragStep
from spatial_edit.edits.drag.run import drag

__all__ = ["DragError", "DragOptions", "DragStep", "drag"]
