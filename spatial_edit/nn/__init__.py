"""Blocks shared by the generators."""
