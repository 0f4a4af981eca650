"""Writes one small file of every format that is converted, to be damaged: tiny networks in whole files.

`python -m tests.foreign.whole_files FOLDER` writes them for `python -m spatial_edit fuzz FOLDER/*`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from spatial_edit.foreign.content import Record
from spatial_edit.foreign.fuzzing.specimens import Call, Name, archive_of, plain, raw, stream_of
from tests.foreign.bachgan_file import state_of
from tests.foreign.ganformer_file import snapshot
from tests.foreign.lightning_file import model_state, write
from tests.foreign.stylegan2_file import (
    PLAIN,
    judge_tensors,
    nvlabs_tensors,
    small_generator,
    small_judge,
    tree,
)

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "data" / "parity" / "blobgan"
PERSISTENT = Name("torch_utils.persistence", "_reconstruct_persistent_obj")


def calls(value: object) -> object:
    """What the reader would give, as what a file says: records become calls."""
    if isinstance(value, Record) and value.module == "persistent":
        meta = {"type": "class", "version": 6, "module_src": "raise", "class_name": value.name}
        return Call(PERSISTENT, ({**meta, "state": calls(value.state)},))
    if isinstance(value, Record):
        return Call(Name(value.module, value.name), state=calls(value.state), new=True)
    if isinstance(value, dict):
        return {key: calls(part) for key, part in value.items()}
    return type(value)(map(calls, value)) if isinstance(value, list | tuple) else value


def arrays(value: object) -> object:
    """The tensors of calls as numpy arrays, as TensorFlow's pickles have them."""
    if isinstance(value, torch.Tensor):
        kind = Call(Name("numpy", "dtype"), ("f4", False, True), (3, "<", None, None, None, -1, -1, 0))
        state = (1, tuple(value.shape), kind, False, raw(value))
        shell = (Name("numpy", "ndarray"), (0,), b"b")
        return Call(Name("numpy.core.multiarray", "_reconstruct"), shell, state)
    if isinstance(value, Call):
        return Call(value.target, arrays(value.arguments), arrays(value.state), value.new)  # type: ignore[arg-type]
    if isinstance(value, dict):
        return {key: arrays(part) for key, part in value.items()}
    return type(value)(map(arrays, value)) if isinstance(value, list | tuple) else value


def nvidia() -> bytes:
    judge = tree(judge_tensors(small_judge()))
    root = {"G": None, "D": judge, "G_ema": tree(nvlabs_tensors(small_generator())), "augment_pipe": None}
    return plain(calls(root))


def tensorflow() -> bytes:
    from tests.foreign.test_stylegan2_tensorflow_files import SAID, tensorflow_generator, tensorflow_judge

    model = tensorflow_generator(small_generator(PLAIN), **SAID)
    return plain(arrays(calls((model, tensorflow_judge(small_judge(), **SAID), model))), 3)


def rosinality() -> bytes:
    from tests.foreign.test_stylegan2_rosinality_files import ARGS, rosinality_tensors

    state = rosinality_tensors(small_generator(PLAIN))
    return archive_of(calls({"g_ema": contiguous(state), "args": ARGS, "ada_aug_p": 0.1}))


def eqgan() -> bytes:
    from tests.foreign.test_eqgan_files import model, published
    from tests.foreign.test_eqgan_files import tree as records

    return plain(calls({"G_ema": records(contiguous(published(model()))), "augment_pipe": None}))


def ganformer() -> bytes:
    from tests.foreign.test_ganformer_files import TINY, arguments, network, published

    return snapshot(published(network(TINY)), arguments(TINY))


def bachgan() -> bytes:
    from tests.foreign.test_bachgan_files import spade

    return stream_of(contiguous(state_of(spade())))


def contiguous(tensors: dict) -> dict:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


WRITERS: dict[str, Callable[[], bytes]] = {
    "nvidia": nvidia,
    "tensorflow-tuple": tensorflow,
    "rosinality": rosinality,
    "eqgan-sa": eqgan,
    "ganformer": ganformer,
    "bachgan": bachgan,
}


def write_all(folder: Path) -> list[Path]:
    """The files, in a folder that is there."""
    for name, writer in WRITERS.items():
        (folder / name).write_bytes(writer())
    weights, judge = (
        load_file(VECTORS / f"{name}_64.safetensors") for name in ("generator", "discriminator")
    )
    write(folder / "blobgan", model_state(weights, judge))
    return [folder / name for name in (*WRITERS, "blobgan")]


if __name__ == "__main__":
    for path in write_all(Path(sys.argv[1])):
        print(path)
