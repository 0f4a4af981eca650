"""The allow-list: every (module, name) that a file may mention, where it occurs, and what stands in for it.

A pair is compared as it is written; a dotted name is just another string, which is not in the table. None:
the name may be mentioned and not called. A stand-in gets the token and the arguments; it builds plain values.
"""

from __future__ import annotations

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.reading import arrays
from spatial_edit.foreign.reading.budget import OBJECT, shown
from spatial_edit.foreign.reading.machine import Machine, Pair, StandIn, Token, fill_dict, fill_set
from spatial_edit.foreign.reading.storages import STORAGE_NAMES, read_stream, tensor_of


def _tensor(token: Token, arguments: tuple, machine: Machine) -> object:
    """_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])."""
    if not 4 <= len(arguments) <= 7:
        raise ForeignError(f"it calls {token.name} with {len(arguments)} arguments")
    return tensor_of(machine, *arguments[:4])


def _parameter(token: Token, arguments: tuple, machine: Machine) -> object:
    """_rebuild_parameter(tensor, requires_grad, hooks[, state]): the tensor."""
    if not 1 <= len(arguments) <= 4:
        raise ForeignError(f"it calls {token.name} with {len(arguments)} arguments")
    return arguments[0]


def _inner_stream(token: Token, arguments: tuple, machine: Machine) -> object:
    """_load_from_bytes(bytes): one storage, in torch's older stream; nothing but storages may be in it."""
    if len(arguments) != 1 or not isinstance(arguments[0], bytes | memoryview):
        raise ForeignError("it calls torch.storage._load_from_bytes without bytes")
    return read_stream(memoryview(arguments[0]), machine.budget, INNER)


def _dict(token: Token, arguments: tuple, machine: Machine) -> dict:
    """OrderedDict(), OrderedDict([[key, value], ...]), EasyDict(), defaultdict(factory)."""
    machine.budget.charge(OBJECT)
    pairs = arguments[0] if arguments and token.name != "defaultdict" else []
    if isinstance(pairs, dict):
        pairs = list(pairs.items())
    if not isinstance(pairs, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs
    ):
        raise ForeignError(f"it makes a {token.name} of something that is no pairs")
    result: dict = {}
    fill_dict(result, pairs, machine.budget)
    return result


def _set(token: Token, arguments: tuple, machine: Machine) -> set:
    machine.budget.charge(OBJECT)
    if len(arguments) > 1 or not all(isinstance(items, list | tuple) for items in arguments):
        raise ForeignError("it makes a set of something that is no list")
    result: set = set()
    fill_set(result, arguments[0] if arguments else (), machine.budget)
    return result


def _bytes(token: Token, arguments: tuple, machine: Machine) -> bytes:
    """_codecs.encode(text, "latin1"): how protocols before 3 write bytes; and bytes(), the empty ones."""
    if not arguments and token.name == "bytes":
        return b""
    if len(arguments) != 2 or type(arguments[0]) is not str or arguments[1] not in ("latin1", "latin-1"):
        raise ForeignError(f"it calls {token.module}.{token.name} for something else than bytes")
    machine.budget.charge(len(arguments[0]) + OBJECT)
    try:
        return arguments[0].encode("latin-1")
    except UnicodeEncodeError as error:
        raise ForeignError("it is damaged: bytes in it are none") from error


def _persistent(token: Token, arguments: tuple, machine: Machine) -> Record:
    """_reconstruct_persistent_obj(meta): class name and state; the source text in it is dropped unread."""
    meta = arguments[0] if len(arguments) == 1 else None
    if type(meta) is not dict or meta.get("type") != "class" or type(meta.get("class_name")) is not str:
        raise ForeignError("it holds a persistent object that is not described as a class")
    machine.budget.charge(OBJECT)
    return Record("persistent", meta["class_name"], (), meta.get("state"))


def _record(token: Token, arguments: tuple, machine: Machine) -> Record:
    machine.budget.charge(OBJECT)
    return Record(token.module, token.name, arguments)


def _size(token: Token, arguments: tuple, machine: Machine) -> tuple:
    if len(arguments) != 1 or type(arguments[0]) is not tuple:
        raise ForeignError(f"it makes a torch.Size of {shown(type(arguments).__name__)}")
    return arguments[0]


DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
BUILTINS = ("dict", "list", "int", "float", "str", "bool", "long", "unicode")  # the last two: protocol 2
NODES = ("Any", "Boolean", "Float", "Integer", "String")  # OmegaConf's values, typed where a class says so

NAMES: dict[Pair, StandIn | None] = {
    # every file: state dicts, module dicts
    ("collections", "OrderedDict"): _dict,
    ("collections", "defaultdict"): _dict,  # OmegaConf's metadata, torch's optimizer states
    # torch.save files and pickled modules
    ("torch._utils", "_rebuild_tensor"): _tensor,  # torch before 0.4
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch.storage", "_load_from_bytes"): _inner_stream,  # tensors in plain pickles (NVlabs)
    ("torch", "Size"): _size,
    ("torch", "device"): _record,
    **{("torch", name): None for name in DTYPES},  # optimizer states, hyper-parameters
    **STORAGE_NAMES,
    # plain modules inside pickled networks (EqGAN, GANformer)
    **{("torch.nn.modules.activation", name): _record for name in ("LeakyReLU", "Sigmoid", "Softmax")},
    **{("torch.nn.modules.container", f"Module{kind}"): _record for kind in ("Dict", "List")},
    ("torch.nn.modules.container", "ParameterList"): _record,
    ("torch.nn.modules.container", "Sequential"): _record,
    ("torch.nn.modules.dropout", "Dropout"): _record,
    ("torch.nn.modules.instancenorm", "InstanceNorm2d"): _record,
    ("torch.nn.modules.linear", "Identity"): _record,
    # networks pickled by NVlabs' decorator, GANformer's and EqGAN's too
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent,
    ("dnnlib", "EasyDict"): _dict,
    ("dnnlib.util", "EasyDict"): _dict,
    ("training.loss", "activation_hook"): None,  # hooks of EqGAN's discriminator
    ("training.loss", "grad_hook"): None,
    # networks of the TensorFlow code
    ("dnnlib.tflib.network", "Network"): _record,
    # numpy values: gains in NVlabs' pickles, weights in TensorFlow's (numpy 1 and 2, protocol 5)
    ("numpy", "dtype"): arrays.dtype,
    ("numpy", "ndarray"): None,
    ("numpy.core.multiarray", "scalar"): arrays.scalar,
    ("numpy._core.multiarray", "scalar"): arrays.scalar,
    ("numpy.core.multiarray", "_reconstruct"): arrays.reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): arrays.reconstruct,
    ("numpy.core.numeric", "_frombuffer"): arrays.from_buffer,
    ("numpy._core.numeric", "_frombuffer"): arrays.from_buffer,
    # protocols 2 and 3
    ("_codecs", "encode"): _bytes,
    **{(module, "bytes"): _bytes for module in ("builtins", "__builtin__")},
    **{(module, "set"): _set for module in ("builtins", "__builtin__")},
    # rosinality's training checkpoints
    ("argparse", "Namespace"): _record,
    # Lightning checkpoints: the OmegaConf tree of the hyper-parameters
    ("omegaconf.dictconfig", "DictConfig"): _record,
    ("omegaconf.listconfig", "ListConfig"): _record,
    **{("omegaconf.nodes", f"{kind}Node"): _record for kind in NODES},
    ("omegaconf.base", "ContainerMetadata"): _record,
    ("omegaconf.base", "Metadata"): _record,
    ("typing", "Any"): None,
    **{(module, name): None for module in ("builtins", "__builtin__") for name in BUILTINS},
}
# What the stream of one storage may mention.
INNER: dict[Pair, StandIn | None] = {**STORAGE_NAMES, ("collections", "OrderedDict"): _dict}
