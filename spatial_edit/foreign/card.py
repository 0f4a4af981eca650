"""The model card that an imported model gets: what it is, where it comes from, what the user said of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spatial_edit.generators.imported import Facts
from spatial_edit.hub.card import FrontMatter, front_matter

# what people write of a licence -> the hub's identifier; everything else is "other" with its name
LICENCES = {
    "mit": "mit",
    "apache 2.0": "apache-2.0",
    "bsd": "bsd",
    "bsd 2 clause": "bsd-2-clause",
    "bsd 3 clause": "bsd-3-clause",
    "cc0": "cc0-1.0",
    "cc0 1.0": "cc0-1.0",
    "cc by 4.0": "cc-by-4.0",
    "cc by sa 4.0": "cc-by-sa-4.0",
    "cc by nc 4.0": "cc-by-nc-4.0",
    "cc by nc sa 4.0": "cc-by-nc-sa-4.0",
    "gpl 3.0": "gpl-3.0",
    "agpl 3.0": "agpl-3.0",
}
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


def licence_id(licence: str) -> str:
    """The hub's identifier for a licence in words, "" when it is none of those that are known here."""
    words = re.sub(r"[^a-z0-9.]+", " ", licence.lower()).replace("licence", "").replace("license", "")
    words = " ".join(words.split())
    if words in LICENCES:
        return LICENCES[words]
    return words.replace(" ", "-") if words.replace(" ", "-") in LICENCES.values() else ""


def card(name: str, facts: Facts, original: Original | None = None, notes: tuple[str, ...] = ()) -> str:
    """README.md of an added model. The same facts give the same text: it holds no date."""
    known = licence_id(facts.licence)
    stated = facts.licence if facts.licence != NOT_STATED else ""
    head = FrontMatter(
        license=known or "other",
        license_name="" if known else _slug(stated or "not-stated"),
        tags=tuple(dict.fromkeys(("gan", "spatial-edit", _slug(facts.family)))),
        pipeline_tag="unconditional-image-generation" if facts.edits or facts.kind or _draws(facts) else "",
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
            ("sha256 of the original", f"`{original.sha256}`"),
        ]
    table = "\n".join(f"| {_cell(key)} | {_cell(value)} |" for key, value in rows)
    text = f"{front_matter(head)}\n# {name}\n\n{_cell(facts.title)}\n\n| | |\n|---|---|\n{table}\n"
    if notes:
        text += "\n" + "\n".join(f"- {_cell(note)}" for note in notes) + "\n"
    if not stated:
        text += "\nNobody has stated a licence: ask the authors before you share these weights.\n"
    return text


def _draws(facts: Facts) -> bool:
    return facts.family not in ("backbone", "blobgan-encoder")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "not-stated"


def _cell(text: str) -> str:
    """Text of unknown origin inside Markdown: no markup, no line breaks, no new cells."""
    text = " ".join(str(text).split())
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text) if not text.startswith("`") else text
