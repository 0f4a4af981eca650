"""The Parse photos tab."""
