"""Which calls make constants: of nothing, of other constants, or of buffers that are in no state_dict."""

from __future__ import annotations

from speczoo.importing.building import Builder, batch_axis
from speczoo.importing.recording import RecordedCall, RunValue

#: Functions that make tensors of nothing, or of the shape of another one alone.
MADE_LIKE = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full", "new_tensor")
#: Those that draw at random.
RANDOM = frozenset(
    [
        *("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "bernoulli_"),
        *("multinomial", "normal", "normal_", "uniform_", "poisson"),
    ]
)
#: Those that leave in a tensor what is there.
UNSET = ("empty", "new_empty")


def is_constant(at: Builder, call: RecordedCall) -> bool:
    """Return whether a call makes something of constants, and not of values of the network."""
    if call.name in RANDOM or call.name in UNSET:
        return False
    if any(batch_axis(value.shapes, at.batches) is not None for value in call.outputs):
        return False
    return call.name in MADE_LIKE or all(value in at.constant or _is_plain(at, value) for value in call.inputs)


def is_of_buffers(at: Builder, call: RecordedCall) -> bool:
    """Return whether a call makes something of constants and of buffers that are in no state_dict."""
    return bool(call.inputs) and all(
        value in at.constant
        or _is_plain(at, value)
        or (not value.parameter and bool(value.key) and not at.frame.persistent(value.key))
        for value in call.inputs
    )


def _is_plain(at: Builder, value: RunValue) -> bool:
    """Return whether a tensor is one that the model has made beside its parameters and buffers, or a fleeting one."""
    return value not in at.known and not value.parameter and (not value.key or not at.frame.owns(value))
