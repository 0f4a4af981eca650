"""Foreign: other projects' checkpoints, read without executing anything, written as ours.

file ──reader──► Content ──formats──► Converted (our network with its weights) ──writer──► a model's folder
"""
