"""Networks for measures: the classifiers VGG16, AlexNet and SqueezeNet 1.1 under torchvision's names, the
heads of LPIPS, both together, and the Inception of the FID under the names of its PyTorch ports.

    features.N.weight, classifier.*         a classifier; what comes after its convolutions is left out
    linN.model.1.weight                     heads of LPIPS; they need their classifier, in a second file
    net.sliceK.N.weight, linN.model.1.weight, scaling_layer.*      both in one file
    Conv2d_1a_3x3.conv.weight, .., fc.weight [1008, 2048]          the Inception
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions
from spatial_edit.foreign.fill import fill
from spatial_edit.nn.backbones import INCEPTION, LPIPS, TRUNKS, build_backbone
from spatial_edit.nn.lpips import SCALE, SHIFT
from spatial_edit.nn.trunks import Trunk
from spatial_edit.safetensors_header import few

HEAD = re.compile(r"(?:lin|lins\.)(\d{1,2})\.model\.[01]\.weight")
SLICE = re.compile(r"net\.slice\d+\.(\d+\..+)")
TITLES = {"vgg16": "VGG16", "alexnet": "AlexNet", "squeezenet": "SqueezeNet 1.1"}
SIDES = {INCEPTION: 299}  # of the pictures that a network was trained on; the others: 224
FC = (1008, 2048)  # of the Inception of 2015, and of no later one


def recognises(content: Content) -> bool:
    """Whether the file is a state dict of one of these networks, or of heads."""
    tensors = _tensors(content.root)
    return _is_inception(tensors) or _trunk_kind(_features(tensors)) is not None or bool(_heads(tensors))


def convert(content: Content, options: ImportOptions) -> Converted:
    """The network; with options.beside, a classifier and the heads of LPIPS from two files, in either order.

    ForeignError for networks that are not whole, heads that are not of their classifier, and an Inception
    that is not that of the FID.
    """
    tensors = _tensors(content.root)
    if _is_inception(tensors):
        _refuse_second(options, "an Inception")
        return _inception(tensors)
    notes: tuple[str, ...] = ()
    if options.beside is not None:
        tensors, notes = _joined(tensors, content, options)
    features, heads = _features(tensors), _heads(tensors)
    kind = _trunk_kind(features)
    if kind is None:
        raise ForeignError(
            f"{content.path.name} holds the heads of an LPIPS on {_wants(heads)}, without that network: "
            f"import the network's file, with --with {content.path.name}"
        )
    _refuse_strangers(tensors, TITLES[kind])
    if any(name.startswith("classifier.") for name in tensors):
        notes += (f"the layers of {TITLES[kind]} after its convolutions are left out",)
    return _lpips(kind, features, heads, notes) if heads else _trunk(kind, features, notes)


def _trunk(kind: str, features: Mapping[str, Tensor], notes: tuple[str, ...]) -> Converted:
    module = build_backbone({"kind": kind})
    fill(module, features, TITLES[kind])
    title = f"{TITLES[kind]}, convolutions"
    return _converted(kind, f"{TITLES[kind]} state dict", title, module, notes)


def _lpips(
    trunk: str, features: Mapping[str, Tensor], heads: Mapping[int, Tensor], notes: tuple[str, ...]
) -> Converted:
    kind = next(name for name, of in LPIPS.items() if of == trunk)
    made = TRUNKS[trunk]()
    if _widths(heads) != made.widths:
        raise ForeignError(
            f"the heads are not those of an LPIPS on {TITLES[trunk]}, but on {_wants(heads)}: get the others"
        )
    module = build_backbone({"kind": kind})
    named = {f"trunk.{name}": tensor for name, tensor in features.items()}
    named |= {f"heads.{i}.weight": tensor for i, tensor in heads.items()}
    fill(module, named, f"an LPIPS on {TITLES[trunk]}")
    title = f"LPIPS on {TITLES[trunk]}"
    return _converted(kind, f"{title} state dict", title, module, notes)


def _inception(tensors: Mapping[str, Tensor]) -> Converted:
    outputs = tensors.get("fc.weight")
    if outputs is None or tuple(outputs.shape) != FC or any(n.startswith("AuxLogits.") for n in tensors):
        shape = "none" if outputs is None else f"{tuple(outputs.shape)}"
        raise ForeignError(
            f"this is an Inception, but not the one of the FID, whose last layer is {FC} (here: {shape}): "
            "distances over it would not be FIDs, so it is not imported"
        )
    module = build_backbone({"kind": INCEPTION})
    features = {name: t for name, t in tensors.items() if name not in ("fc.weight", "fc.bias")}
    fill(module, features, "the Inception of the FID", constant=("num_batches_tracked",))
    return _converted(INCEPTION, "Inception of the FID, state dict", "Inception of the FID", module, ())


def _converted(kind: str, format: str, title: str, module: object, notes: tuple[str, ...]) -> Converted:
    return Converted(
        format=format,
        family="backbone",
        title=title,
        resolution=SIDES.get(kind, 224),
        config={"kind": kind},
        module=module,
        notes=notes,
    )


# what a state dict holds


def _tensors(root: object) -> dict[str, Tensor]:
    """The tensors of a state dict, at the top or under "state_dict"; none of anything else."""
    if isinstance(root, Mapping) and isinstance(root.get("state_dict"), Mapping):
        root = root["state_dict"]
    if not isinstance(root, Mapping) or not all(isinstance(value, Tensor) for value in root.values()):
        return {}
    return {str(name): tensor for name, tensor in root.items()}


def _is_inception(tensors: Mapping[str, Tensor]) -> bool:
    return "Conv2d_1a_3x3.conv.weight" in tensors and "Mixed_7c.branch_pool.conv.weight" in tensors


def _features(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The convolutions, under the names of the classifier's own file."""
    found = {name: tensor for name, tensor in tensors.items() if name.startswith("features.")}
    for name, tensor in tensors.items():
        if match := SLICE.fullmatch(name):
            found[f"features.{match[1]}"] = tensor
    return found


def _trunk_kind(features: Mapping[str, Tensor]) -> str | None:
    """Which classifier they are of, by its first layers."""
    first = features.get("features.0.weight")
    shape = None if first is None else tuple(first.shape)
    if "features.3.squeeze.weight" in features:
        return "squeezenet"
    return "alexnet" if shape == (64, 3, 11, 11) else "vgg16" if shape == (64, 3, 3, 3) else None


def _heads(tensors: Mapping[str, Tensor]) -> dict[int, Tensor]:
    """The heads by number. A file may hold each twice, as linN and as lins.N: the first counts."""
    found: dict[int, Tensor] = {}
    for name, tensor in tensors.items():
        if match := HEAD.fullmatch(name):
            found.setdefault(int(match[1]), tensor)
    return found


def _widths(heads: Mapping[int, Tensor]) -> tuple[int, ...]:
    """Channels that each head reads; empty when one is no head or one lacks in between."""
    shapes = [tuple(heads[i].shape) for i in range(len(heads)) if i in heads]
    whole = len(shapes) == len(heads) and all(len(s) == 4 and s[0] == s[2] == s[3] == 1 for s in shapes)
    return tuple(shape[1] for shape in shapes) if whole else ()


def _wants(heads: Mapping[int, Tensor]) -> str:
    """Words for the classifier that heads belong to."""
    made: dict[str, Trunk] = {kind: make() for kind, make in TRUNKS.items()}
    fits = [TITLES[kind] for kind, trunk in made.items() if trunk.widths == _widths(heads)]
    return fits[0] if fits else f"layers of {_widths(heads) or 'unknown'} channels"


def _refuse_strangers(tensors: Mapping[str, Tensor], title: str) -> None:
    """ForeignError for tensors that are none of a classifier or LPIPS, and for another scaling."""
    known = re.compile(r"features\..+|classifier\.[0-9]\.(weight|bias)|scaling_layer\.(shift|scale)")
    heads = _heads(tensors)
    for name, tensor in tensors.items():
        match = HEAD.fullmatch(name)
        first = heads[int(match[1])] if match else tensor
        if first is not tensor and not torch.equal(first, tensor):
            raise ForeignError(f"the file holds {name} twice, with other values: it is damaged")
    strange = [n for n in tensors if not (known.fullmatch(n) or HEAD.fullmatch(n) or SLICE.fullmatch(n))]
    if strange:
        raise ForeignError(f"the file was recognised as {title}, but it also holds {few(strange)}")
    for name, values in (("shift", SHIFT), ("scale", SCALE)):
        given = tensors.get(f"scaling_layer.{name}")
        if given is not None and not (
            given.numel() == 3 and torch.allclose(given.float().flatten(), torch.tensor(values), atol=1e-4)
        ):
            raise ForeignError(
                f"the file's LPIPS scales pictures by another {name}: it is of another version"
            )


# two files


def _joined(
    tensors: dict[str, Tensor], content: Content, options: ImportOptions
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of both files, and a note of the second's hash. ForeignError unless they are the heads and
    the network."""
    from spatial_edit.foreign.reading.reader import read

    assert options.beside is not None
    second = read(options.beside)
    other = _tensors(second.root)
    sides = [(bool(_heads(t)), _trunk_kind(_features(t)) is not None) for t in (tensors, other)]
    if sorted(sides) != [(False, True), (True, False)]:
        raise ForeignError(
            f"{content.path.name} and {second.path.name} are not a network and the heads of its LPIPS"
        )
    return tensors | other, (f"with {second.path.name}, sha256 {second.sha256}",)


def _refuse_second(options: ImportOptions, what: str) -> None:
    if options.beside is not None:
        raise ForeignError(f"{what} needs no second file: import it without --with")
