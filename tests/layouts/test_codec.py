"""Layouts and scenes as JSON and bytes: every bit comes back, and nothing hostile gets through."""

from __future__ import annotations

import json
import random
import struct
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit.layouts import Blobs, Latent, Provenance, Scene
from spatial_edit.layouts.codec import (
    SceneError,
    layout_from_json,
    layout_to_json,
    scene_from_bytes,
    scene_from_json,
    scene_to_bytes,
    scene_to_json,
)
from spatial_edit.layouts.strict_json import JsonError


def scene_of(n=3, rows=None, delta=True):
    draw = torch.Generator().manual_seed(n)
    layout = Blobs(
        centres=torch.rand(n, 2, generator=draw),
        sizes=torch.rand(n, generator=draw).clamp(0.005),
        aspects=torch.rand(n, generator=draw) + 0.5,
        angles=torch.rand(n, generator=draw) * 3,
        ids=tuple(range(n)),
        rows=tuple(range(n)),
        hidden=(True,) + (False,) * (n - 1) if n else (),
    )
    latent = Latent(
        4_000_000_000,
        0.3,
        torch.randn(max(n, 1), 5, generator=draw) if rows is None else rows,
        torch.randn(4, generator=draw),
    )
    adapted = (
        ("a.weight", torch.randn(2, 3, generator=draw).half()),
        ("b.bias", torch.randn(4, generator=draw)),
    )
    return Scene(
        "blobgan-rooms",
        "0123456789abcdef",
        layout,
        latent,
        Provenance("photo", "ab" * 32, "tune"),
        adapted if delta else (),
    )


def same(a, b):
    assert (a.model, a.weights, a.provenance) == (b.model, b.weights, b.provenance)
    assert a.layout.same(b.layout) and a.latent.same(b.latent)
    assert [name for name, _ in a.delta] == [name for name, _ in b.delta]
    assert all(
        x.dtype == y.dtype and torch.equal(x, y) for (_, x), (_, y) in zip(a.delta, b.delta, strict=True)
    )


@pytest.mark.parametrize("n", [0, 1, 3, 64])
@pytest.mark.parametrize("delta", [False, True])
def test_scene_round_trips(n, delta):
    scene = scene_of(n, delta=delta)
    same(scene_from_bytes(scene_to_bytes(scene)), scene)
    same(scene_from_json(scene_to_json(scene)), scene)
    assert scene_to_bytes(scene) == scene_to_bytes(scene)


def test_non_contiguous_tensors_are_stored():
    scene = scene_of(3, rows=torch.randn(5, 3).T)
    same(scene_from_bytes(scene_to_bytes(scene)), scene)
    same(scene_from_json(scene_to_json(scene)), scene)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_layout_round_trip(data):
    n = data.draw(st.integers(0, 12))

    def column(low, high):
        values = data.draw(st.lists(st.floats(low, high), min_size=n, max_size=n))
        return torch.tensor(values, dtype=torch.float32)

    layout = Blobs(
        torch.stack([column(-0.2, 1.2), column(-0.2, 1.2)], -1),
        column(0.005, 1.0),
        column(0.1, 10.0),
        column(-6.0, 6.0),
        ids=tuple(data.draw(st.lists(st.integers(0, 255), min_size=n, max_size=n, unique=True))),
        rows=tuple(data.draw(st.lists(st.integers(0, 255), min_size=n, max_size=n))),
        locked=tuple(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))),
    )
    assert layout_from_json(json.loads(json.dumps(layout_to_json(layout)))).same(layout)


ELEMENT = {
    "id": 0,
    "row": 0,
    "x": 0.5,
    "y": 0.5,
    "size": 0.1,
    "aspect": 1,
    "angle": 0,
    "hidden": False,
    "locked": False,
}


@pytest.mark.parametrize(
    "change",
    [
        {"id": 256},
        {"id": True},
        {"id": 1.0},
        {"row": -1},
        {"x": 1.3},
        {"y": float("nan")},
        {"size": 0},
        {"size": "0.1"},
        {"aspect": 11},
        {"angle": float("inf")},
        {"hidden": 0},
        {"locked": None},
        {"other": 1},
        {"x": 10**400},
    ],
)
def test_wrong_elements_are_refused(change):
    layout_from_json({"kind": "blobs", "elements": [ELEMENT]})
    with pytest.raises(JsonError) as caught:
        layout_from_json({"kind": "blobs", "elements": [ELEMENT | change]})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"kind": "blobs"},
        {"kind": "cubes", "elements": []},
        {"kind": "blobs", "elements": {}},
        {"kind": "blobs", "elements": [ELEMENT, ELEMENT]},
        {"kind": "blobs", "elements": [ELEMENT | {"id": i} for i in range(65)]},
        {"kind": "blobs", "elements": [{k: v for k, v in ELEMENT.items() if k != "row"}]},
    ],
)
def test_wrong_layouts_are_refused(value):
    with pytest.raises(JsonError):
        layout_from_json(value)


@pytest.mark.parametrize(
    "scene",
    [
        scene_of(2, rows=torch.full((2, 3), float("nan"))),
        scene_of(2, rows=torch.zeros(2, 3).double()),
        scene_of(2, rows=torch.zeros(6)),
        scene_of(2, rows=torch.zeros(300, 3)),
        scene_of(2, rows=torch.zeros(250, 4096)),
        replace(scene_of(2), delta=(("w", torch.zeros(1_100_000)),)),
        replace(scene_of(2), delta=(("w", torch.tensor([float("inf")])),)),
    ],
)
def test_what_is_too_large_or_not_finite_is_not_written(scene):
    for write in (scene_to_bytes, scene_to_json):
        with pytest.raises(SceneError):
            write(scene)


def rebuilt(data, change):
    """The file with a changed header, well formed otherwise."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    document = json.loads(header["__metadata__"]["scene"])
    change(header, document)
    header["__metadata__"]["scene"] = json.dumps(document)
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data[8 + length :]


@pytest.mark.parametrize(
    "change",
    [
        lambda head, doc: doc.update(seed=-1),
        lambda head, doc: doc.update(seed=2**32),
        lambda head, doc: doc.update(truncation=1.1),
        lambda head, doc: doc.update(model="../../x"),
        lambda head, doc: doc.update(weights="XYZ"),
        lambda head, doc: doc.update(format="spatial-edit scene 2"),
        lambda head, doc: doc.update(extra=1),
        lambda head, doc: doc.pop("seed"),
        lambda head, doc: doc.update(delta=["a.weight"]),
        lambda head, doc: doc.update(delta=["a.weight", "a.weight"]),
        lambda head, doc: doc.update(delta=["a.weight", "b bias"]),
        lambda head, doc: doc["layout"]["elements"][0].update(row=3),
        lambda head, doc: doc["provenance"].update(kind="dream"),
        lambda head, doc: doc["provenance"].update(photo="x"),
        lambda head, doc: head["rows"].update(dtype="I32"),
        lambda head, doc: head["rows"].update(dtype="F64"),
        lambda head, doc: head["rows"].update(shape=[-1, 5]),
        lambda head, doc: head["rows"].update(shape=[15]),
        lambda head, doc: head["rows"].update(shape=[3, 10**18]),
        lambda head, doc: head["rows"].update(shape=[3, 4]),
        lambda head, doc: head["rows"].update(data_offsets=[0, 10**9]),
        lambda head, doc: head.update(extra=head.pop("background")),
        lambda head, doc: head.update({f"t{i}": head["rows"] for i in range(900)}),
    ],
)
def test_hostile_files_are_refused(change):
    data = scene_to_bytes(scene_of(3))
    same(scene_from_bytes(rebuilt(data, lambda head, doc: None)), scene_of(3))
    with pytest.raises(SceneError) as caught:
        scene_from_bytes(rebuilt(data, change))
    assert len(str(caught.value)) < 200


def test_a_nan_in_a_file_is_refused():
    data = scene_to_bytes(scene_of(3, delta=False))
    with pytest.raises(SceneError, match="finite"):
        scene_from_bytes(data[:-4] + struct.pack("<f", float("nan")))


def test_a_header_that_claims_too_much_is_refused():
    data = scene_to_bytes(scene_of(3))
    for length in (2**63, len(data), 10**6):
        with pytest.raises(SceneError):
            scene_from_bytes(struct.pack("<Q", length) + data[8:])
    with pytest.raises(SceneError):
        scene_from_bytes(bytes(4_000_001))


def test_random_damage_raises_scene_error_alone():
    dice = random.Random(0)
    data = scene_to_bytes(scene_of(3))
    source = scene_to_json(scene_of(3))
    for _ in range(1500):
        at = dice.randrange(len(data))
        broken = dice.choice(
            [data[:at], data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :], data[at:], data + b"x"]
        )
        at = dice.randrange(len(source))
        torn = dice.choice(
            [source[:at], source[:at] + dice.choice('{}[]",0e-x\\') + source[at + 1 :], source[at:]]
        )
        for read, value in ((scene_from_bytes, broken), (scene_from_json, torn)):
            try:
                read(value)
            except SceneError:
                pass


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors["rows"].update(data="####"),
        lambda tensors: tensors["rows"].update(data=5),
        lambda tensors: tensors["rows"].update(data=tensors["rows"]["data"][:-4]),
        lambda tensors: tensors["rows"].update(shape=[10**9, 10**9]),
        lambda tensors: tensors["rows"].update(dtype="F16"),
        lambda tensors: tensors["rows"].update(dtype="O"),
        lambda tensors: tensors.pop("rows"),
        lambda tensors: tensors.update(more=tensors["rows"]),
    ],
)
def test_hostile_tensors_in_json_are_refused(change):
    document = json.loads(scene_to_json(scene_of(3)))
    change(document["tensors"])
    with pytest.raises(SceneError):
        scene_from_json(json.dumps(document))
