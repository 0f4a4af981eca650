"""Models that people have added: folders beside each other in one place, each with a model.json.

    models/NAME/  config.json  model*.safetensors  README.md  model.json  [discriminator/ ..]

model.json says what a registry row needs and config.json does not: family, title, licence, source.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.safetensors_header import CheckpointError, parse_json

ROOT = Path(__file__).resolve().parents[2]
FACTS_NAME = "model.json"
FIRST_NUMBER, LAST_NUMBER = 128, 227  # bytes in an edit code of models that people add
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,47}")


@dataclass(frozen=True)
class Facts:
    """model.json. licence and source are as the user states them."""

    family: str
    title: str
    kind: str  # the layout's kind; "" for none
    resolution: int
    number: int
    licence: str = "not stated"
    training_data: str = "not stated"
    source: str = ""  # a file's name, an address, or hf:owner/name@revision
    format: str = ""  # what the file was recognised as
    sha256: str = ""  # of the original file
    row_names: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    max_elements: int = 64


def models_folder() -> Path:
    """Where added models lie: SPATIAL_EDIT_MODELS, or models/ beside the program."""
    return Path(os.environ.get("SPATIAL_EDIT_MODELS") or ROOT / "models")


def number_of(weights: str) -> int:
    """The byte in an edit code for weights with this hash: the same on every machine."""
    return FIRST_NUMBER + int(weights[:8], 16) % (LAST_NUMBER - FIRST_NUMBER + 1)


def free_number(weights: str, name: str) -> int:
    """`number_of`, or the next one that no other added model has."""
    taken = {spec.number for other, spec in added().items() if other != name}
    span = LAST_NUMBER - FIRST_NUMBER + 1
    first = number_of(weights) - FIRST_NUMBER
    for step in range(span):
        if (number := FIRST_NUMBER + (first + step) % span) not in taken:
            return number
    raise CheckpointError(f"there are {span} added models already: remove one of them first")


def write_facts(folder: Path, facts: Facts) -> None:
    """model.json, whole or not at all."""
    temporary = folder / f".{FACTS_NAME}.tmp"
    temporary.write_text(json.dumps(asdict(facts), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(folder / FACTS_NAME)


def read_facts(folder: Path) -> Facts:
    """CheckpointError, in one sentence, when model.json is missing, damaged or of a newer program."""
    content = parse_json(folder / FACTS_NAME, 100_000)
    try:
        for name in ("row_names", "edits"):
            content[name] = tuple(str(item) for item in content.get(name, ()))
        facts = Facts(**content)
        numbers = (facts.resolution, facts.number, facts.max_elements)
        texts = (facts.family, facts.title, facts.kind, facts.licence, facts.source)
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in numbers)
        if not whole or not all(isinstance(text, str) for text in texts):
            raise TypeError("wrong types")
    except TypeError as error:
        raise CheckpointError(f"{folder.name}/{FACTS_NAME} is damaged ({error}): import it again") from error
    return facts


def spec_of(folder: Path) -> ModelSpec:
    """The registry row of an added model's folder; CheckpointError when it is damaged."""
    facts = read_facts(folder)
    return ModelSpec(
        name=folder.name,
        number=facts.number,
        family=facts.family,
        title=facts.title,
        kind=facts.kind,
        resolution=facts.resolution,
        licence=facts.licence,
        training_data=facts.training_data,
        folder=folder,
        row_names=facts.row_names,
        max_elements=facts.max_elements,
        edits=facts.edits,
    )


def added() -> dict[str, ModelSpec]:
    """The models that people have added, by name; damaged folders are left out."""
    folder = models_folder()
    if not folder.is_dir():
        return {}
    found = {}
    for path in sorted(folder.iterdir()):
        if NAME.fullmatch(path.name) and (path / FACTS_NAME).is_file():
            try:
                found[path.name] = spec_of(path)
            except CheckpointError:
                continue
    return found
