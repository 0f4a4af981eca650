"""What the reader gives: plain values, tensors, and records in the place of objects of unknown classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor


class ForeignError(ValueError):
    """A file that cannot be read or converted; the message is one sentence for the user."""


@dataclass(eq=False)
class Record:
    """An object of a file as inert data: which class it claims, what it was called with, and its state.

    Nothing of the class is imported or run. `name` is that of the class ("Generator"), also where the file
    carries its source, which is dropped. state: what the file sets the object's attributes to.
    """

    module: str
    name: str
    arguments: tuple = ()
    state: object = None

    def attribute(self, name: str) -> object:
        """The state's entry `name`; None when there is none."""
        return self.state.get(name) if isinstance(self.state, dict) else None


@dataclass(frozen=True, eq=False)
class Content:
    """A whole file. container: "pickle", "torch zip", "torch legacy" or "safetensors".

    root: dicts, lists, tuples, numbers, text, CPU tensors (contiguous, of the file's dtype) and records.
    """

    container: str
    root: object
    path: Path
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class ImportOptions:
    """What the user says about a file beside its name."""

    mean: Path | None = None  # a mean latent that lies in a file of its own
    beside: Path | None = None  # a second file that belongs to this one: the heads of an LPIPS


@dataclass(frozen=True, eq=False)
class Converted:
    """A file's networks as ours, and what config.json and the card say of them.

    family: the registry's ("stylegan2"); config: what the family's loader builds the module from, as JSON,
    with "kind". module holds the weights. parts: further networks of the file (name of the sub-folder →
    (module, config)), such as its discriminator. kind, row_names, edits, max_elements: as in ModelSpec.
    """

    format: str  # what the file was recognised as, in words
    family: str
    title: str  # "StyleGAN2, 256 px"
    resolution: int
    config: Mapping[str, object]
    module: object  # nn.Module
    parts: Mapping[str, tuple[object, Mapping[str, object]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kind: str = ""
    row_names: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    max_elements: int = 64
    training_data: str = "not stated"


def tensors_below(root: object, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a flat dict (a state dict) whose keys begin with `prefix`, which is taken off."""
    if not isinstance(root, Mapping):
        return {}
    return {
        str(name)[len(prefix) :]: value
        for name, value in root.items()
        if isinstance(value, Tensor) and str(name).startswith(prefix)
    }
