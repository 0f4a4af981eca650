"""The model card that an imported model gets: what it is, where it comes from, what the user said of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spatial_edit.generators.imported import Facts
from spatial_edit.hub import card as hub
from spatial_edit.hub.card import FrontMatter, front_matter

# what people write of a licence -> the hub's identifier, where it is not the same with dashes
LICENCES = {
    "apache": "apache-2.0",
    "apache version 2.0": "apache-2.0",
    "cc0": "cc0-1.0",
    "gplv2": "gpl-2.0",
    "gplv3": "gpl-3.0",
    "agplv3": "agpl-3.0",
    "the unlicense": "unlicense",
}
# what the hub should call a network that draws no pictures by itself
PIPELINES = {"backbone": "image-feature-extraction", "blobgan-encoder": "image-feature-extraction"}
NOT_STATED = "not stated"
MAX_TEXT = 300


@dataclass(frozen=True)
class Original:
    """The file that was imported."""

    name: str
    size: int  # bytes
    sha256: str


def one_line(text: str | None, what: str) -> str:
    """Free text of the user, for a card: one line, at most MAX_TEXT characters; ValueError otherwise."""
    text = " ".join((text or "").split())
    if len(text) > MAX_TEXT or not text.isprintable():
        raise ValueError(f"{what} is longer than {MAX_TEXT} characters or has unprintable ones: shorten it")
    return text


def printable(text: str) -> str:
    """Text of unknown origin on one line, without what cannot be printed."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def licence_id(licence: str) -> str:
    """The hub's identifier for a licence in words, "" when it is none of those that are known here."""
    words = re.sub(r"[^a-z0-9.]+", " ", licence.lower())
    words = " ".join(word for word in words.split() if word not in ("licence", "license"))
    name = LICENCES.get(words, words.replace(" ", "-"))
    return name if name in hub.LICENCES - {"other", "unknown"} else ""


def card(name: str, facts: Facts, original: Original | None = None, notes: tuple[str, ...] = ()) -> str:
    """README.md of an added model. The same facts give the same text: it holds no date."""
    known = licence_id(facts.licence)
    stated = facts.licence != NOT_STATED
    head = FrontMatter(
        license=known or ("other" if stated else "unknown"),
        license_name=_slug(facts.licence) if stated and not known else "",
        tags=tuple(dict.fromkeys(("gan", "spatial-edit", _slug(facts.family)))),
        pipeline_tag=PIPELINES.get(facts.family, "unconditional-image-generation"),
        library_name="spatial-edit",
    )
    rows = [
        ("Recognised as", facts.format or facts.family),
        ("Family", facts.family),
        ("Resolution", f"{facts.resolution} px"),
        ("Licence, as stated by who imported it", facts.licence),
        ("Training data", facts.training_data),
        ("Source", facts.source or NOT_STATED),
    ]
    if original is not None:
        rows += [
            ("Original file", f"{original.name}, {original.size} bytes"),
            ("sha256 of the original", original.sha256),
        ]
    table = "\n".join(f"| {_cell(key)} | {_cell(value)} |" for key, value in rows)
    text = f"{front_matter(head)}\n# {name}\n\n{_cell(facts.title)}\n\n| | |\n|---|---|\n{table}\n"
    if notes:
        text += "\n" + "\n".join(f"- {_cell(note)}" for note in notes) + "\n"
    if not stated:
        text += "\nNobody has stated a licence: ask the authors before you share these weights.\n"
    return text


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].rstrip("-") or "other"


def _cell(text: str) -> str:
    """Text of unknown origin inside Markdown: no markup, no line breaks, no new cells."""
    return re.sub(r"([\\`*_\[\]<>|#~!])", r"\\\1", printable(text))
