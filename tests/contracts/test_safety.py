"""What may run: all that our emitter writes, and nothing else, wherever a text comes from."""

from __future__ import annotations

import ast
import re
import re._parser as re_parser  # type: ignore[import-not-found]
import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

import speczoo
from speczoo.catalogue import lookup
from speczoo.compiler.compile import compile
from speczoo.compiler.emit.bindings import OF_HELD, OF_SELF, UnsafeSource
from speczoo.compiler.emit.module import _blank, load
from speczoo.compiler.emit.python import source
from speczoo.compiler.emit.safety import verify
from speczoo.compiler.emit.vocabulary import vocabulary
from speczoo.compiler.layer import Layer, ShapeError
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.load import load as spec_of
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.reserved_names import MODULE_NAMES, PRIVATE_NAMES
from speczoo.specs.source import Source
from speczoo.testing.cases import Case
from speczoo.testing.layers import layer_cases
from tests.families import of_the_zoo
from tests.fuzz.corpus import texts
from tests.shares import OF_EACH_LAYER

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n"
CLASS = "class A(nn.Module):\n    "
MADE = f"{HEAD}{CLASS}def __init__(self) -> None:\n        super().__init__()\n        self.a = nn.ReLU()\n"
FORWARD = f"{MADE}    def forward(self, x: Tensor) -> Tensor:\n"

#: Expressions that no emitter writes, as what a forward gives.
EXPRESSIONS = """
open("x")
eval("1")
exec("1")
compile("1", "", "exec")
__import__("os")
__builtins__
__builtins__.open("x")
globals()
locals()
vars(x)
dir(x)
help()
breakpoint()
input()
print(x)
setattr(self, "a", x)
delattr(self, "a")
hasattr(self, "a")
getattr(x, "__class__")
getattr(self, "__class__")
getattr(self, "a")
getattr(torch, "load")
getattr(self, "3", x)
getattr(self.a, "__class__")
getattr(self.a, "b")
getattr(getattr(self, "3"), "load")
getattr(getattr(torch, "3"), "3")
getattr(x.a, "3")
getattr(self.a(x), "3")
getattr(*[self, "a"])
[getattr(m, n) for m in [torch] for n in ["load"]]
[g(torch, "load") for g in [getattr]]
[t.load for t in [torch]]
[t.os for t in [torch.nn.modules.module.torch]]
type("B", (nn.Module,), x)
type(x).__mro__
super(A, self).forward(x)
super().forward(x)
super().__class__
isinstance.__self__
torch
nn
F
torch.os
torch.sys
torch.load("x")
torch.save(x, "x")
torch.hub.load("a", "b")
torch.ops.load_library("x")
torch.ops
torch.classes.load_library("x")
torch.utils.cpp_extension.load("x", "x")
torch.utils.data
torch.jit.load("x")
torch.package.PackageImporter("x")
torch.multiprocessing.Process(target=x)
torch.distributed.init_process_group("gloo")
torch.serialization.load("x")
torch.storage
torch.library.Library("x", "DEF")
torch.from_file("x", size=1)
torch.importlib.import_module("os")
torch.inspect
torch.platform.os.system("id")
torch.builtins.open("x")
torch._C._jit_get_operation("x")
torch._dynamo
torch.compile(x)
torch.export
torch.onnx.export(self, x, "x")
torch.cuda.memory.os
torch.nn.modules.module.torch.os
torch.nn.modules.module.torch.load("x")
torch.nn.functional.torch.os
torch.nn.Linear(1, 1)
torch.cat.__globals__
torch.cat.__self__
torch.cat.__call__([x])
torch.autograd.Function
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
torch.Tensor.__reduce_ex__
torch.tensor(1).numpy().ctypes
torch.eye(1)
nn.modules.module.torch.os
nn.modules.container.operator
nn.modules.module.sys.modules
nn.Module.register_buffer(self, "x", x)
nn.Module.forward.__globals__
nn.Module.__subclasses__()
nn.Module.load_state_dict
nn.ReLU.forward(self.a, x)
nn.functional.torch.os
nn.init.os
nn.init.warnings.sys
nn.utils.rnn
nn.parallel.DistributedDataParallel(self)
nn.Parameter.__class__
nn.NoSuchThing()
F.torch.load("x")
F.importlib
F.warnings.sys
F.os
F.relu(x)
F.interpolate.__globals__
Tensor.__reduce__
Tensor.load
Tensor.backward(x)
x.__class__
x.__class__.__base__.__subclasses__()
x.__reduce__()
x.numpy().tofile("x")
x.tofile("x")
x.storage()
x.untyped_storage().share_memory_()
x.data_ptr()
x.share_memory_()
x.backward()
x.register_hook(self.a)
x.apply_(self.a)
x.map_(x, self.a)
x.grad_fn
x.data
self.__class__
self.__dict__
self.apply(self.a)
self._modules
self._apply(self.a)
self.state_dict()
self.load_state_dict(x)
self.register_forward_hook(self.a)
self.add_other
self.forward.__func__
self.a.forward.__globals__
self.a.__class__.__init__.__globals__
self.modules.__globals__
self.training.real
"{0.__class__}".format(x)
"{0.__class__}".format_map(x)
"x".join(["a"])
f"{x.__class__}"
f"{x!r}"
f"{x:{x}}"
f"{open}"
f"{(lambda: x)()}"
(lambda: x)()
(y := x)
{1: 2}
{1, 2}
{n: n for n in x}
{n for n in x}
(n for n in x)
[open for n in x]
[open for open in x] + [open("x")]
await x
(yield x)
x if (y := x) else x
self.a(**x)
self.a(*open)
b"x"
1j
...
x[open]
x[x.__class__]
not open
x @ open
range
super
int
[int]
[range][0](3)
Exception("x")
NotImplemented
NetOutput(x)
quit()
""".strip().splitlines()  # fmt: skip

#: Statements of a forward.
STATEMENTS = [
    "import os",
    "from os import system",
    "import torch.utils",
    "global os",
    "nonlocal x",
    "while True: x",
    "with x: x",
    "try:\n            x\n        except Exception:\n            x",
    "raise x",
    "assert x",
    "pass",
    "x: 'open' = x",
    "x: open = x",
    "x: eval('1') = x",
    "x: (y := int) = x",
    "def f(): return x",
    "class B: x",
    "async def f(): return x",
    "x.data = x",
    "self.forward = x",
    "self._modules = x",
    "self.training = x",
    "self.__class__ = x",
    "self.to = x",
    "torch.cat = x",
    "nn.Module.forward = x",
    "F.pad = x",
    "x[0] = x",
    "del x.a",
    "del x[0]",
    "x.a += x",
    "*x, y = x",
    "[y.os for y in [torch]]",
    "y = torch\n        y.os",
    "y = nn.modules\n        y",
    "y = torch.cat\n        y.os",
    "match x:\n            case open: x",
    "match x:\n            case torch.os(): x",
    "type X = int",
    "x",
    "x.shape",
    "for open.x in x: x",
    "for x.a in x: x",
    "for y in open: y",
    "if open: x",
    "return open",
    "y = open",
    "y = [open]",
    "for m in self.modules():\n            m.load_state_dict(x)",
    "for m in self.modules():\n            m._modules",
    "for m in [torch]:\n            m.os(x)",
    "m = torch.cat\n        for m in self.modules():\n            m.os(x)",
    "for name, m in x.named_modules():\n            m.os(x)",
    "for m in self.modules():\n            [m.os for m in x]",
    "for m in self.modules():\n            m.weight = x",
]

#: Whole texts.
TEXTS = [
    "import os",
    "import torch as t",
    "import torch.os",
    "from torch import *",
    "from torch import os",
    "import sys",
    "from torch import load",
    "from torch import nn as F",
    "from torch.nn import functional",
    "from . import x",
    "from collections import OrderedDict as O",
    "from typing import Any",
    "import builtins",
    "import torch, os",
    "from __future__ import annotations",
    "from importlib import import_module",
    "x = 1",
    "x: int = 1",
    "open",
    "1",
    HEAD + "torch.manual_seed(0)",
    HEAD + "for m in [1]: m",
    HEAD + "if 1: 1",
    HEAD + "del torch",
    HEAD + "torch",
    HEAD + "@open\nclass A(nn.Module): 'x'",
    HEAD + "class A(nn.Module, metaclass=open): 'x'",
    HEAD + "class A(open): 'x'",
    HEAD + "class A(nn.Module, **{}): 'x'",
    HEAD + "class A(nn.modules.Module): 'x'",
    HEAD + "class A(torch): 'x'",
    HEAD + CLASS + "x = 1",
    HEAD + CLASS + "x: int = open('x')",
    HEAD + CLASS + "x: open",
    HEAD + CLASS + "x: 'open(1)'",
    HEAD + CLASS + "print()",
    HEAD + CLASS + "class B: 'x'",
    HEAD + CLASS + "def __reduce__(self): return self",
    HEAD + "class A:\n    def __del__(self): 'x'",
    HEAD + CLASS + "def __getattr__(self, a): return a",
    HEAD + "class A[T](nn.Module): 'x'",
    HEAD + CLASS + "def train(self, x): return self",
    HEAD + "def f[T](x): return x",
    HEAD + "def f(x=open('x')): return x",
    HEAD + "def f(x=torch.load('x')): return x",
    HEAD + "async def f(x): return x",
    HEAD + "def f(x: open) -> x: return x",
    HEAD + "def f(x) -> 'open()': return x",
    HEAD + "@torch.jit.script\ndef f(x): return x",
    HEAD + "def f(*x): return x",
    HEAD + "def f(**x): return x",
    HEAD + "def f(x, /): return x",
    HEAD + "def f(*, x): return x",
    HEAD + "def f(open): return open\ndef g(x): return open(x)",
    HEAD + "def f(x=open(1)): return x\nclass open(nn.Module): 'x'",
    HEAD + "class Exception(nn.Module): 'x'",
    HEAD + "class nn: 'x'",
    HEAD + "def torch(x): return x",
    HEAD + "def __getattr__(x): return x",
    HEAD + "def f(__class__): return __class__",
    HEAD + "def f(x): return __file__",
    HEAD + "lambda: 0",
    HEAD + "x = [open for open in [1]]",
    "\x00",
    "(" * 5000,
    "class",
    "-" * 100_000 + "1",
]

HOSTILE = [
    *(FORWARD + f"        return {text}\n" for text in EXPRESSIONS),
    *(FORWARD + f"        {text}\n        return x\n" for text in STATEMENTS),
    *TEXTS,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text.replace(FORWARD, "").replace(HEAD, ""))[:60])
def test_what_no_emitter_writes_does_not_run(text: str) -> None:
    with pytest.raises(UnsafeSource):
        verify(text)
    for entry in (load, lambda text: _blank(text, "A", ())):
        with pytest.raises(UnsafeSource):
            entry(text)


#: What holds a module, in a class whose container registers a member by the name that is read.
HOLDERS = ("self", "self.a", "self.a.b", 'getattr(self, "3")', "m")


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_every_module_has_is_read_of_none(holder: str) -> None:
    """Neither of a member, nor where a member is stated to have that name, nor of a module that a loop comes to."""
    for name in sorted((MODULE_NAMES | PRIVATE_NAMES) - OF_SELF - OF_HELD - vocabulary().attributes):
        registered = MADE.rstrip("\n") + f'\n        self.a.add_module("{name}", nn.ReLU())\n'
        looped = f"{registered}        for m in self.modules():\n            {holder}.{name}(1)\n"
        with pytest.raises(UnsafeSource, match=f"the attribute '{name}'"):
            verify(looped if holder == "m" else f"{registered}        {holder}.{name}(1)\n")


@pytest.mark.parametrize("text", [FORWARD + "        return self.a(x)\n", FORWARD + "        return x + x.shape[0]\n"])
def test_the_frame_of_those_texts_is_sound(text: str) -> None:
    """So that it is the line put into it that is refused."""
    verify(text)


@pytest.mark.parametrize("name", of_the_zoo())
def test_every_network_of_the_zoo_is_written_so(name: str) -> None:
    verify(speczoo.source(name))


@pytest.mark.alike  # `test_mutations` does so within narrower limits
def test_the_corpus_is_written_so() -> None:
    found = 0
    for text in texts():
        report = Report()
        document = parse(Source("<text>", text), report)
        spec = spec_of(document, report) if document else None
        graph = compile(LoadedSpec(spec, document), report, lookup=lookup) if spec and document and report.ok else None
        if graph is not None:
            verify(source(graph))
            found += 1
    assert found > 100


@pytest.mark.parametrize("op", sorted(Layer.registry))
def test_a_layer_says_what_its_code_reads(op: str) -> None:
    kind = Layer.registry[op]

    @OF_EACH_LAYER
    @given(layer_cases(op))
    def says(case: Case) -> None:
        try:
            layer = kind(**case.arguments)
            layer.apply(*case.inputs)
            call = layer.call(*case.inputs)
        except (ValidationError, ShapeError):
            return
        code = " ".join(filter(None, (call.apply, call.inline, call.construct, call.target)))
        dotted = set(re.findall(r"\b(?:torch|nn|F)(?:\.\w+)+", code))
        assert dotted <= vocabulary().dotted
        assert dotted <= {*kind.reads, call.target, "nn.Parameter"} | {d for d in dotted if d.startswith("nn.init.")}
        assert set(re.findall(r"(?<=[}\])]\.)[a-z]\w*", code)) <= {*kind.reads}

    says()


#: What no quote, bracket or name of Python's can be made of, whatever the order.
HARMLESS = {*string.ascii_letters, *" .,->"}
#: Names of places, and expressions over them: what is emitted is written anew from their trees, over these names alone.
WRITTEN_ANEW = {r"^[A-Za-z][A-Za-z0-9_]*$", r"^\$\([A-Za-z0-9_+\-*/%<>=!()\[\].,: ]+\)$"}


def _characters(pattern: Any) -> Iterator[str]:
    """Yield the characters that a parsed pattern takes; a question mark, which is not harmless, for all else."""
    for kind, argument in pattern:
        match str(kind):
            case "LITERAL":
                yield chr(argument)
            case "RANGE":
                yield from map(chr, range(argument[0], argument[1] + 1))
            case "IN":
                yield from _characters(argument)
            case "MAX_REPEAT":
                yield from _characters(argument[2])
            case "SUBPATTERN":
                yield from _characters(argument[3])
            case "AT":
                pass
            case _:
                yield "?"


def _is_harmless(pattern: str) -> bool:
    """Whether a pattern is of the whole text, and takes harmless characters alone."""
    whole = pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern
    return (whole and {*_characters(re_parser.parse(pattern))} <= HARMLESS) or pattern in WRITTEN_ANEW


def _free(schema: Any) -> Iterator[Any]:
    """Yield where a JSON schema takes any text, or a text in which Python could be written."""
    if isinstance(schema, dict):
        listed = {"enum", "const"} & schema.keys() or _is_harmless(schema.get("pattern", ""))
        if schema.get("type") == "string" and not listed:
            yield schema
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        yield from _free(part)


@pytest.mark.parametrize("op", sorted(Layer.registry))
def test_no_argument_takes_any_text(op: str) -> None:
    """The checks of a layer evaluate its call with its arguments, which a spec may have given, as Python."""
    assert not list(_free(Layer.registry[op].model_json_schema()))


def test_an_argument_that_takes_any_text_would_be_noticed() -> None:
    class Named(Layer, abstract=True):
        name: str | int

    assert list(_free(Named.model_json_schema()))


@pytest.mark.parametrize(
    "pattern",
    ["", "^.*$", "[a-z]*", "^[a-z]*", "[a-z]*$", "^[^a]*$", "^[a-z'(]*$", r"^\w$", "^a$|b", "^(?:a|.)$", "^[ -~]$"],
)
def test_a_pattern_that_lets_python_through_would_be_noticed(pattern: str) -> None:
    assert list(_free({"type": "string", "pattern": pattern}))


@pytest.mark.parametrize(
    "name",
    ["lenet5", "resnet18_table", *(pytest.param(name, marks=pytest.mark.alike) for name in ("unet", "mnist_cnn"))],
)
def test_no_place_of_an_emitted_text_takes_another_name(name: str) -> None:
    """Wherever a name is read, a builtin in its stead is refused, and another attribute wherever one is."""
    text = speczoo.source(name)
    places = 0
    for number, node in enumerate(ast.walk(ast.parse(text))):
        other = {ast.Name: ("id", "open"), ast.Attribute: ("attr", "os")}.get(type(node))
        if other is None or not isinstance(getattr(node, "ctx", None), ast.Load):
            continue
        if ast.unparse(node).startswith("m."):  # a parameter of a module, which a layer outside torch may call anything
            continue
        tree = ast.parse(text)
        setattr(list(ast.walk(tree))[number], *other)
        with pytest.raises(UnsafeSource):
            verify(ast.unparse(tree))
        places += 1
    assert places > 20
