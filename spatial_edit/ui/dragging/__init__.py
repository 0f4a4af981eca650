"""Dragging points in the browser: runs, their films, and the functions that the canvas calls."""
