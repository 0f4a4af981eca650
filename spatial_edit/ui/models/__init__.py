"""The Models tab: which models there are, and adding others."""
