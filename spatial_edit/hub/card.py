"""The YAML front matter of a model card: written, read and checked without the network.

Fields and values are those of the hub's model card specification
(https://huggingface.co/docs/hub/model-cards); the file holds a small subset of YAML that needs no parser:
`key: value` with plain or double-quoted text, and lists of such texts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ._/-]*")


@dataclass(frozen=True)
class FrontMatter:
    """What our cards state. license_name is for license "other"; "" leaves a field out."""

    license: str
    license_name: str = ""
    tags: tuple[str, ...] = ()
    pipeline_tag: str = ""
    library_name: str = ""


def front_matter(head: FrontMatter) -> str:
    """The block between the two lines of dashes, with them."""
    lines = [f"license: {_scalar(head.license)}"]
    for name in ("license_name", "library_name", "pipeline_tag"):
        if value := getattr(head, name):
            lines.append(f"{name}: {_scalar(value)}")
    if head.tags:
        lines += ["tags:", *(f"- {_scalar(tag)}" for tag in head.tags)]
    return "\n".join(["---", *lines, "---", ""])


def _scalar(text: str) -> str:
    plain = PLAIN.fullmatch(text) and text.lower() not in ("true", "false", "null", "yes", "no", "on", "off")
    return text if plain else json.dumps(text)  # a JSON string is a YAML double-quoted one
