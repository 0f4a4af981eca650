"""The YAML front matter of a model card: written and checked without the network.

Fields and values are those that the hub documents: https://huggingface.co/docs/hub/model-cards and
https://huggingface.co/docs/hub/repositories-licenses.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from spatial_edit.hub.errors import HubError

LICENCES = frozenset(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc
    cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0
    eupl-1.1 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl
    openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license llama2 gemma
    unknown other
    """.split()
)
PIPELINES = frozenset(
    """
    unconditional-image-generation image-to-image text-to-image image-feature-extraction image-segmentation
    image-classification depth-estimation mask-generation object-detection other
    """.split()
)
_LISTS = ("tags", "datasets", "language", "metrics", "base_model", "license")  # one text or a list of texts
_TEXTS = ("license_name", "license_link", "library_name", "pipeline_tag", "thumbnail", "model_name")
_SLUG = re.compile(r"[a-z0-9][a-z0-9.-]{0,95}")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ._/-]*")
MAX_HEAD = 100_000  # characters


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


def check_card(text: str) -> None:
    """HubError, in one sentence, unless the card begins with front matter that the hub takes."""
    head = _head(text)
    for name in _LISTS:
        value = head.get(name)
        values = value if isinstance(value, list) else [value]
        if name in head and not (values and all(isinstance(item, str) and item for item in values)):
            raise HubError(f"the card's {name} must be text or a list of texts: mend README.md")
    for name in _TEXTS:
        if name in head and not (isinstance(head[name], str) and head[name]):
            raise HubError(f"the card's {name} must be text: mend README.md")
    licence = head.get("license")
    for one in licence if isinstance(licence, list) else [licence]:
        if one not in LICENCES:
            raise HubError(
                f"the card's license {str(one)[:60]!r} is none of the hub's: write other and license_name"
            )
    if licence == "other" and not _SLUG.fullmatch(str(head.get("license_name", ""))):
        raise HubError(
            "a card with license other needs a license_name of small letters, digits, dots and dashes"
        )
    if "pipeline_tag" in head and head["pipeline_tag"] not in PIPELINES:
        raise HubError(
            f"the card's pipeline_tag {str(head['pipeline_tag'])[:60]!r} is none of the hub's for images"
        )


def _head(text: str) -> dict[str, object]:
    import yaml  # type: ignore[import-untyped]

    text = text.replace("\r\n", "\n")
    match = re.match(r"---\n(.*?)\n---(?:\n|$)", text[:MAX_HEAD], flags=re.DOTALL)
    if not match:
        raise HubError(
            "the card has no front matter: README.md must begin with a block between two lines of ---"
        )
    try:
        head = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise HubError("the front matter of the card is not valid YAML: mend README.md") from error
    if not isinstance(head, dict) or not all(isinstance(name, str) for name in head):
        raise HubError("the front matter of the card does not name fields: mend README.md")
    return head


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in (
        "true",
        "false",
        "null",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
    )
    if plain:
        return text
    quoted = json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML double-quoted one, almost:
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def licence_of(text: str) -> str:
    """What a card says of the licence; "" when it says nothing that can be read."""
    try:
        head = _head(text)
    except HubError:
        return ""
    licence = head.get("license_name") if head.get("license") == "other" else head.get("license")
    return licence if isinstance(licence, str) and licence.isprintable() and licence != "unknown" else ""
