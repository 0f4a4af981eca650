"""Share: a scene as a short text for a link."""

from spatial_edit.share.blobs import MAX_ID, MAX_ROW
from spatial_edit.share.codes import (
    TRUNCATION_STEPS,
    OtherWeights,
    SharedScene,
    StoredScene,
    UnknownModel,
    check_weights,
    decode,
    decode_stored,
    encode,
    encode_shared,
    encode_stored,
    is_bare,
    is_stored,
    quantise,
    round_truncation,
)
from spatial_edit.share.envelope import MAX_CODE, CodeError

__all__ = [
    "MAX_CODE",
    "MAX_ID",
    "MAX_ROW",
    "TRUNCATION_STEPS",
    "CodeError",
    "OtherWeights",
    "SharedScene",
    "StoredScene",
    "UnknownModel",
    "check_weights",
    "decode",
    "decode_stored",
    "encode",
    "encode_shared",
    "encode_stored",
    "is_bare",
    "is_stored",
    "quantise",
    "round_truncation",
]
