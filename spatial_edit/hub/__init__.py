"""The Hugging Face hub: models fetched by commit and pushed, as safetensors and JSON alone.

ids.py: hf:owner/name@revision · fetch.py: a checked snapshot · push.py: one commit · card.py: front matter
errors.py: the library's and the network's errors as one sentence
"""
