"""Models that people have added: folders beside each other in one place, each with a model.json.

    models/NAME/  config.json  model*.safetensors  README.md  model.json  [discriminator/ ..]

model.json says what a registry row needs and config.json does not: family, title, licence, source. It may
come from anywhere, so every field is checked for its type and size.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from spatial_edit.generators.contract import HIERARCHY_OPS, ModelSpec
from spatial_edit.safetensors_header import CheckpointError, parse_json

ROOT = Path(__file__).resolve().parents[2]
FACTS_NAME = "model.json"
FIRST_NUMBER, LAST_NUMBER = 128, 227  # bytes in an edit code of models that people add
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,47}")
MAX_BYTES = 1_000_000  # of model.json
MAX_TEXT, MAX_WORDS = 1000, 4096  # characters of a text, words in a list
MAX_RESOLUTION, MAX_ELEMENTS = 4096, 4096


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
    stands: tuple[tuple[int, int], ...] = ()
    max_elements: int = 64


def models_folder() -> Path:
    """Where added models lie: SPATIAL_EDIT_MODELS, or models/ beside the program."""
    return Path(os.environ.get("SPATIAL_EDIT_MODELS") or ROOT / "models")


def number_of(weights: str) -> int:
    """The byte in an edit code for weights with this hash: the same on every machine."""
    return FIRST_NUMBER + int(weights[:8], 16) % (LAST_NUMBER - FIRST_NUMBER + 1)


def is_added(number: int) -> bool:
    """Whether a model's byte in edit codes is one of those of added models."""
    return FIRST_NUMBER <= number <= LAST_NUMBER


def free_number(weights: str, name: str, taken: frozenset[int] = frozenset()) -> int:
    """`number_of`, or the next one that no other added model and none of `taken` has.

    CheckpointError when there is none left."""
    taken |= {spec.number for other, spec in added().items() if other != name}
    span = LAST_NUMBER - FIRST_NUMBER + 1
    first = number_of(weights) - FIRST_NUMBER
    for step in range(span):
        if (number := FIRST_NUMBER + (first + step) % span) not in taken:
            return number
    raise CheckpointError(f"there are {span} added models already: remove one of them first")


def facts_json(facts: Facts) -> str:
    """The text of model.json."""
    return json.dumps(asdict(facts), indent=1, allow_nan=False) + "\n"


def write_facts(folder: Path, facts: Facts) -> None:
    """model.json, whole or not at all."""
    temporary = folder / f".{FACTS_NAME}.tmp"
    temporary.write_text(facts_json(facts), encoding="utf-8")
    temporary.replace(folder / FACTS_NAME)


def read_facts(folder: Path) -> Facts:
    """CheckpointError, in one sentence, when model.json is missing, damaged or of a newer program."""
    content = parse_json(folder / FACTS_NAME, MAX_BYTES)
    try:
        for name in ("row_names", "edits", "stands"):
            if not isinstance(content.setdefault(name, []), list) or len(content[name]) > MAX_WORDS:
                raise TypeError(f"{name} is not a list of at most {MAX_WORDS}")
            content[name] = tuple(tuple(item) if name == "stands" else item for item in content[name])
        facts = Facts(**content)
        _check(facts)
    except TypeError as error:
        raise CheckpointError(
            f"{folder.name}/{FACTS_NAME} is damaged ({str(error)[:200]}): import or fetch the model again"
        ) from error
    return facts


def _check(facts: Facts) -> None:
    """TypeError for a field of the wrong type, length or range."""
    whole = {"resolution": MAX_RESOLUTION, "number": 255, "max_elements": MAX_ELEMENTS}
    for field in fields(facts):
        value = getattr(facts, field.name)
        if field.name in whole:
            if type(value) is not int or not 1 <= value <= whole[field.name]:
                raise TypeError(f"{field.name} is not a number from 1 to {whole[field.name]}")
        elif field.name == "stands":
            if not all(
                len(pair) == 2 and all(type(n) is int and 0 <= n < MAX_WORDS for n in pair) for pair in value
            ):
                raise TypeError("stands is not a list of pairs of rows")
        else:
            for text in value if isinstance(value, tuple) else (value,):
                if not isinstance(text, str) or len(text) > MAX_TEXT or not text.isprintable():
                    raise TypeError(f"{field.name} is not printable text of at most {MAX_TEXT} characters")


def spec_from(facts: Facts, name: str, folder: Path) -> ModelSpec:
    """The registry row of a model that is called `name` and lies in `folder`."""
    return ModelSpec(
        name=name,
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
        stands=facts.stands,
        edits=facts.edits or (HIERARCHY_OPS if facts.family == "eqgan" else ()),
    )


def facts_of(spec: ModelSpec) -> Facts:
    """model.json of a registry row: the folder's own, or one made of the row (bundled models have none)."""
    if spec.folder is not None and (spec.folder / FACTS_NAME).is_file():
        return read_facts(spec.folder)
    names = {field.name for field in fields(Facts)} & {field.name for field in fields(ModelSpec)}
    return Facts(**{name: getattr(spec, name) for name in names})


def spec_of(folder: Path) -> ModelSpec:
    """The registry row of an added model's folder; CheckpointError when it is damaged."""
    facts = read_facts(folder)
    if not FIRST_NUMBER <= facts.number <= LAST_NUMBER:
        raise CheckpointError(f"{folder.name}/{FACTS_NAME} has the number {facts.number}: import it again")
    return spec_from(facts, folder.name, folder)


def added() -> dict[str, ModelSpec]:
    """The models that people have added, by name; damaged folders are left out.

    Of two with the same number (copied from two machines) the later one by name gets the next free one."""
    folder = models_folder()
    if not folder.is_dir():
        return {}
    found: dict[str, ModelSpec] = {}
    numbers: set[int] = set()
    for path in sorted(folder.iterdir()):
        if NAME.fullmatch(path.name) and (path / FACTS_NAME).is_file():
            try:
                spec = spec_of(path)
            except CheckpointError:
                continue
            if spec.number in numbers:
                free = set(range(FIRST_NUMBER, LAST_NUMBER + 1)) - numbers
                if not free:
                    continue
                later = sorted(number for number in free if number > spec.number)
                spec = replace(spec, number=later[0] if later else min(free))
            numbers.add(spec.number)
            found[path.name] = spec
    return found
