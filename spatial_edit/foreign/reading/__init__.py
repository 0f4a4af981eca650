"""Reading: a file as plain values and tensors, without running anything of it."""
