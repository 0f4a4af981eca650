"""The Hugging Face hub: models fetched by commit and pushed, as safetensors and JSON alone.

hf:owner/name@revision ──ids──► Address ──fetch──► Snapshot (a folder of the hub's own cache) ──► registry
a model's folder ──push──► one commit
"""
