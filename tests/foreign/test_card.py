"""Model cards: what they say, that the hub takes them, and what it does not take. Without the network."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spatial_edit.foreign.card import Original, card, licence_id, one_line
from spatial_edit.generators.imported import Facts
from spatial_edit.generators.registry import MODELS
from spatial_edit.hub.card import FrontMatter, check_card, front_matter, licence_of
from spatial_edit.hub.errors import HubError

FACTS = Facts(
    "stylegan2", "StyleGAN2, 64 px", "", 64, 130, licence="CC BY-NC 4.0", source="https://x.org/a_b"
)
ORIGINAL = Original("net|work*.pkl", 1234, "0a" * 32)


def head_of(text: str) -> dict:
    return yaml.safe_load(text.split("---")[1])


def test_smoke_a_card_says_where_the_weights_come_from() -> None:
    text = card("mine", FACTS, ORIGINAL, ("measured over 10000 z", "<b>x</b>"))
    check_card(text)
    assert head_of(text) == {
        "license": "cc-by-nc-4.0",
        "library_name": "spatial-edit",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["gan", "spatial-edit", "stylegan2"],
    }
    for words in (
        "CC BY-NC 4.0",
        "0a" * 32,
        "1234 bytes",
        "measured over",
        r"net\|work\*.pkl",
        r"a\_b",
        r"\<b\>",
    ):
        assert words in text
    assert text == card("mine", FACTS, ORIGINAL, ("measured over 10000 z", "<b>x</b>"))


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        ("MIT", "mit"), ("mit licence", "mit"), ("Apache License 2.0", "apache-2.0"), ("other", ""), ("", ""),
        ("BSD 3-Clause", "bsd-3-clause"), ("CC-BY-NC-SA 4.0", "cc-by-nc-sa-4.0"), ("CC0", "cc0-1.0"),
        ("GPLv3", "gpl-3.0"), ("openrail", "openrail"), ("NVIDIA Source Code License", ""),
        ("apache-2.0", "apache-2.0"),
        ("non-commercial, ask me", ""), ("unknown", ""),
    ],
)  # fmt: skip
def test_numbers_licences(stated: str, known: str) -> None:
    assert licence_id(stated) == known


def test_numbers_licences_that_the_hub_does_not_know() -> None:
    from dataclasses import replace

    other = card("mine", replace(FACTS, licence="NVIDIA Source Code License (1-way)"))
    check_card(other)
    assert head_of(other)["license"] == "other"
    assert head_of(other)["license_name"] == "nvidia-source-code-license-1-way"
    silent = card("mine", replace(FACTS, licence="not stated"))
    check_card(silent)
    assert head_of(silent)["license"] == "unknown" and "ask the authors" in silent
    strange = card("mine", replace(FACTS, licence="许可证"))
    check_card(strange)
    assert "许可证" in strange and head_of(strange)["license_name"] == "other"
    measure = card("lpips", replace(FACTS, family="backbone"))
    assert head_of(measure)["pipeline_tag"] == "image-feature-extraction"
    check_card(measure)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(licence=TEXT, title=TEXT, source=TEXT, name=TEXT, note=TEXT)
def test_no_text_breaks_a_card(licence: str, title: str, source: str, name: str, note: str) -> None:
    facts = Facts("stylegan2", title, "", 64, 130, licence=licence, source=source)
    text = card("mine", facts, Original(name, 1, "0"), (note,))
    check_card(text)
    assert set(head_of(text)) <= {"license", "license_name", "library_name", "pipeline_tag", "tags"}
    body = text.split("---\n", 2)[2]
    assert len([line for line in body.splitlines() if line.startswith("|")]) == 10


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_scalars_survive_yaml(text: str) -> None:
    made = front_matter(FrontMatter("mit", tags=(text,), library_name=text))
    assert head_of_block(made) == {"license": "mit", "library_name": text, "tags": [text]}


def head_of_block(text: str) -> dict:
    return yaml.safe_load(text[4:-4])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# no front matter", "no front matter"),
        ("\n---\nlicense: mit\n---\n", "no front matter"),
        ("---\nlicense: mit\n", "no front matter"),
        ("---\nlicense: [mit\n---\n", "not valid YAML"),
        ("---\nlicense: !!python/object/apply:os.system [id]\n---\n", "not valid YAML"),
        ("---\n- mit\n---\n", "does not name fields"),
        ("---\n1: mit\n---\n", "does not name fields"),
        ("---\ntags: [a]\n---\n", "'None' is none of the hub's"),
        ("---\nlicense: MIT\n---\n", "'MIT' is none of the hub's"),
        ("---\nlicense: [mit, mine]\n---\n", "'mine' is none of the hub's"),
        ("---\nlicense: [[mit]]\n---\n", "license must be text"),
        ("---\nlicense: other\n---\n", "needs a license_name"),
        ("---\nlicense: other\nlicense_name: My Own\n---\n", "needs a license_name"),
        ("---\nlicense: mit\ntags: [1]\n---\n", "tags must be text"),
        ("---\nlicense: mit\ntags: []\n---\n", "tags must be text"),
        ("---\nlicense: mit\nlibrary_name: yes\n---\n", "library_name must be text"),
        ("---\nlicense: mit\npipeline_tag: draw\n---\n", "'draw' is none of the hub's"),
    ],
)
def test_errors_of_cards(text: str, words: str) -> None:
    with pytest.raises(HubError, match=words):
        check_card(text)


def test_smoke_the_bundled_cards_are_valid() -> None:
    for spec in MODELS.values():
        assert spec.folder is not None
        check_card((spec.folder / "README.md").read_text(encoding="utf-8"))


def test_numbers_licence_of() -> None:
    assert licence_of("---\nlicense: mit\n---\n") == "mit"
    assert licence_of("---\nlicense: other\nlicense_name: my-own\n---\n") == "my-own"
    assert (
        licence_of("---\nlicense: unknown\n---\n")
        == ""
        == licence_of("nothing")
        == licence_of("---\nx: [\n---\n")
    )


def test_errors_one_line() -> None:
    assert one_line("  a\n b ", "the licence") == "a b" and one_line(None, "x") == ""
    for text in ("x" * 301, "a\x1b[31m"):
        with pytest.raises(ValueError, match="the licence is longer than 300 characters or has unprintable"):
            one_line(text, "the licence")


def test_smoke_no_yaml_where_it_is_not_needed() -> None:
    source = Path(__file__).parents[2] / "spatial_edit" / "foreign" / "card.py"
    assert "yaml" not in source.read_text().replace("YAML", "")
