"""Which ids the language accepts."""

from __future__ import annotations

import keyword
import re
from functools import lru_cache

from speczoo.specs.wording import printable

LONGEST = 100  # characters of an id
OUTPUT = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z", re.ASCII)
ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z", re.ASCII)
MEMBER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*\Z", re.ASCII)

#: What nn.Module already has, so that an id may not be it. A test compares this with torch.
MODULE_NAMES = frozenset(
    """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval
    extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules mtia
    named_buffers named_children named_modules named_parameters parameters register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory
    state_dict to to_empty train training type xpu zero_grad""".split()
)

#: And what it has for itself.
PRIVATE_NAMES = frozenset(
    """_apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook _load_from_state_dict
    _load_state_dict_post_hooks _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules
    _named_members _non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook
    _register_state_dict_hook _replicate_for_data_parallel _save_to_state_dict _slow_forward _state_dict_hooks
    _state_dict_pre_hooks _version _wrapped_call_impl""".split()
)

#: What nn.Sequential has besides.
SEQUENTIAL_NAMES = frozenset({"append", "extend", "insert", "pop", "_get_item_by_idx"})

#: What nn.ModuleDict has besides.
DICT_NAMES = frozenset({"clear", "items", "keys", "pop", "update", "values"})

#: Names of the language that an id would hide.
LANGUAGE_NAMES = frozenset({"input"})

#: What the code of a `forward` reads, so that no parameter of it may hide it.
FORWARD_NAMES = frozenset({"F", "getattr", "nn", "torch"})


def bad_output(name: str) -> str | None:
    """Return why `name` cannot be the name of an output, or None: several of them come out as a NamedTuple."""
    if name.startswith("_"):
        return "names of outputs start with a letter"
    if not OUTPUT.match(name):
        return "names of outputs are ASCII letters, digits and underscores, and start with a letter"
    return "it is a keyword of Python" if keyword.iskeyword(name) else None


def bad_input(name: str) -> str | None:
    """Return why `name` cannot be the name of an input, or None: it is a parameter of `forward`."""
    if name == "self":
        return "every method has that name for its module"
    if "." in name:
        return "it has dots"
    return "the code of the network reads it" if name in FORWARD_NAMES else bad_id(name, module=False)


@lru_cache(maxsize=4_096)
def bad_id(name: str, *, module: bool, sequential: bool = False) -> str | None:
    """Return why `name` cannot be an id, or None.

    `module`: it becomes an attribute; otherwise it only names a value. An id with dots is that of a member of a
    container.
    """
    first, *members = name.split(".")
    if not ID.match(first):
        return "ids are ASCII letters, digits and underscores, and start with no digit"
    if (wrong := next((part for part in members if not MEMBER.match(part)), None)) is not None:
        return f"{f'`{printable(wrong)}`' if wrong else 'nothing'} stands behind a dot, where a name or a number does"
    if len(name) > LONGEST:
        return f"ids are at most {LONGEST} characters long"
    return _taken(first, module, sequential) or next(
        (f"`{part}`: {why}" for part in members if (why := _taken(part, module, sequential=True))), None
    )


def _taken(name: str, module: bool, sequential: bool) -> str | None:
    """Return why a name cannot be that of an entry, or of a part of one."""
    if keyword.iskeyword(name):
        return "it is a keyword of Python"
    if name in LANGUAGE_NAMES:
        return "the language has that name"
    if name.startswith("__") and not name.endswith("__"):
        return "Python has another name for it inside a class"
    if (
        (name in MODULE_NAMES and (module or name not in ("half", "double", "float")))
        or name.startswith("__")
        or name in PRIVATE_NAMES
    ):
        return "every nn.Module already has that name"
    if name in SEQUENTIAL_NAMES and module:
        return "every nn.Sequential already has that name"
    if "-" in name and not sequential:
        return "a hyphen is for children of a pure chain (nn.Sequential) only"
    return None
