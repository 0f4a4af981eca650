"""Data: procedural rooms with ground truth, and folders of photos."""
