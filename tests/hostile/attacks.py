"""Hostile specs, made in code: each with what must be reported of it, and at which line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

Text: TypeAlias = "str | bytes"

HEAD = "spec: 1\nname: t\ninput: [3, 32, 32]\n"
MANY = 100_000
MEGA = 1 << 20


@dataclass(frozen=True)
class Attack:
    """A spec as text, the codes of which one must come first, and the line where. `beside` are files next to it.

    No code means that the spec is accepted: it only has to be cheap, for every command.
    """

    name: str
    text: Text
    codes: tuple[str, ...]
    line: int | None = None
    beside: dict[str, Text] = field(default_factory=dict)
    aim: str = ""  # the command that it is made for, besides a check


Rows: TypeAlias = Iterator[Attack]
ROWS: dict[str, Callable[[], Rows]] = {}


def row(make: Callable[[], Rows]) -> Callable[[], Rows]:
    ROWS[make.__name__] = make
    return make


def layers(*entries: str, head: str = HEAD) -> str:
    """A spec with these entries; the first stands on line 5 of the usual head."""
    return head + "layers:\n" + "".join(f"  - {entry}\n" for entry in entries)


def blocks(count: int, inner: Callable[[int], str], head: str = HEAD, params: str = "") -> str:
    """Blocks B0 to Bn, each made of what `inner` says, and a network of the last."""
    made = "".join(f"  B{i}:\n{params}    layers:\n      - {inner(i)}\n" for i in range(count))
    return layers(f"{{op: B{count - 1}}}", head=f"{head}blocks:\n{made}")


# -- the rows of the table ------------------------------------------------------------------------------------------


@row
def nesting() -> Rows:
    for name, text in {
        "flow-lists": "a: " + "[" * MANY,
        "json-lists": '{"a":' + "[" * MANY,
        "bare-lists": "[" * MANY,
        "flow-maps": "{a: " * MANY,
        "json-maps": '{"a":' * MANY,
        "block-lists": "- " * MANY,
        "block-lists-below": "a:\n " + "- " * MANY,
        "block-maps": "\n".join(" " * i + "a:" for i in range(1400)),
        "33-lists": "a: " + "[" * 33 + "]" * 33,
        "tag-lines": "".join(f"%TAG !x{i}! tag:x:\n" for i in range(60_000)) + "a: 1",
    }.items():
        yield Attack(name, text, ("limit-exceeded",))
    yield Attack("deep-in-place", layers("{op: ReLU, a: " + "[" * MANY + "}"), ("limit-exceeded",), 5)


@row
def size() -> Rows:
    yield Attack("50-MB", b"#" * (50 << 20), ("limit-exceeded",))
    yield Attack("many-values", layers(*["{op: ReLU}"] * 30_000), ("limit-exceeded",))
    yield Attack("many-numbers", "a: [" + "1," * MANY + "]", ("limit-exceeded",), 1)
    yield Attack("long-text", HEAD + "title: " + "x" * (MEGA - 100), ("limit-exceeded",), 4)
    yield Attack("many-keys", "".join(f"a{i}: 1\n" for i in range(80_000)), ("limit-exceeded",))


@row
def aliases_and_tags() -> Rows:
    def bomb(form: str) -> str:
        steps = (f"a{i}: &a{i} {form % ', '.join([f'*a{i - 1}'] * 9)}\n" for i in range(1, 12))
        return "a0: &a0 {k: x}\n" + "".join(steps)

    yield Attack("aliases", bomb("[%s]"), ("unsafe-yaml",))
    yield Attack("merge-keys", bomb("{<<: [%s]}"), ("unsafe-yaml",), 2)
    yield Attack("recursive", HEAD + "params: &p {a: *p}\nlayers: [{op: ReLU}]\n", ("unsafe-yaml",), 4)
    yield Attack("itself", "a: &a [*a]", ("unsafe-yaml",), 1)
    yield Attack("python-object", HEAD + "title: !!python/object/apply:os.system [id]\n", ("unsafe-yaml",), 4)
    yield Attack("tag", layers("!Foo {op: ReLU}"), ("unsafe-yaml",), 5)
    yield Attack("many-tags", "a: [" + "!x 1," * MANY + "]", ("unsafe-yaml",), 1)
    yield Attack("alias-many", "a: &a x\nb: [" + "*a," * MANY + "]", ("unsafe-yaml",), 2)


@row
def repeated_keys() -> Rows:
    yield Attack("top", HEAD + "name: again\nlayers: [{op: ReLU}]\n", ("duplicate-key",), 4)
    yield Attack(
        "argument", layers("{op: Conv2d, out_channels: 1, kernel_size: 1, out_channels: 2}"), ("duplicate-key",), 5
    )
    yield Attack("json", '{"spec": 1,\n"spec": 1}', ("duplicate-key",), 2)
    yield Attack("thousands", "a: 1\n" * (MEGA // 5), ("duplicate-key",), 2)


@row
def ambiguous_words() -> Rows:
    for word in ("no", "off", "Yes", "ON", "010", "1_000", "1:30", "0b11", ".nan", ".inf", "-.INF", "1e400", "NaN"):
        yield Attack(word, layers("{op: ReLU}", f"{{op: Linear, out_features: 2, bias: {word}}}"), ("bad-value",), 6)
    for word in ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5_000):
        text = f'{{"spec": 1, "name": "t", "input": [4],\n"layers": [{{"op": "Linear",\n"out_features": {word}}}]}}'
        yield Attack(f"json-{word[:9]}", text, ("bad-value",), 3)
    yield Attack("5000-digits", layers(f"{{op: Linear, out_features: {'7' * 5_000}}}"), ("bad-value",), 5)
    yield Attack("5000-digits-text", layers(f"{{op: Linear, out_features: $({'7' * 900})}}"), ("limit-exceeded",), 5)


@row
def encodings() -> Rows:
    good = layers("{op: ReLU}")
    yield Attack("latin-1", (HEAD + "title: caf\xe9\n").encode("latin-1"), ("unreadable",), 4)
    yield Attack("utf-16", good.encode("utf-16"), ("unreadable",))
    yield Attack("utf-32", good.encode("utf-32"), ("unreadable",))
    yield Attack("nul", (HEAD + "title: a\0b\n").encode(), ("yaml-syntax", "unreadable"), 4)
    yield Attack("escape", (HEAD + "title: \x1b[31mred\n").encode(), ("yaml-syntax",), 4)
    yield Attack("c1-control", (HEAD + "title: \x9b31mred\n").encode(), ("yaml-syntax",), 4)
    yield Attack("binary", bytes(range(256)) * 100, ("unreadable",))
    yield Attack("overlong", HEAD.encode() + b"title: \xc0\xaf\n", ("unreadable",), 4)
    yield Attack("surrogate", HEAD.encode() + b"title: \xed\xa0\x80\n", ("unreadable",), 4)
    yield Attack("byte-order-mark", b"\xef\xbb\xbf" + good.encode(), ())


@row
def no_mapping() -> Rows:
    for name, text in {
        "empty": "",
        "comment": "# nothing\n",
        "scalar": "hello",
        "number": "1",
        "list": "- a\n- b\n",
        "documents": "a: 1\n---\nb: 2\n",
        "spaces": " " * MEGA,
        "lines": "\n" * MEGA,
        "null": "null",
        "json-list": "[1, 2]",
        "quote": '"',
        "bracket": "{",
    }.items():
        yield Attack(name, text, ("yaml-syntax",))


BAD_IDS = [
    'x"];import os;#', "x\\n", "é", "ⅷ", "class", "lambda", "None", "True", "forward", "train", "parameters",
    "state_dict", "eval", "half", "__init__", "__class__", "_modules", "_parameters", "input", "a..b", "a.__class__",
    "a.forward", "1a", "", "-a", "x" * 101, "a$$", "training", "requires_grad_", "x\\u2028y", "a." * 60 + "b",
    "x=1", "x\\r", "𝐟𝐨𝐫𝐰𝐚𝐫𝐝",
]  # fmt: skip


@row
def ids() -> Rows:
    for name in BAD_IDS:
        quoted = name.replace('"', '\\"')
        text = layers("{op: ReLU}", f'{{id: "{quoted}", op: Conv2d, out_channels: 1, kernel_size: 1}}')
        yield Attack(f"id-{name!a:.20}", text, ("bad-value",), 6)
        if name.isascii() and "$" not in name and name not in ("x" * 101, "input"):
            made = (
                HEAD
                + f'params: {{p: "{quoted}"}}\nlayers:\n  - {{id: $p, op: Conv2d, out_channels: 1, kernel_size: 1}}\n'
            )
            yield Attack(f"made-{name!a:.20}", made, ("bad-value",), 6)


@row
def expansion() -> Rows:
    limit = ("limit-exceeded",)
    for end in (10**9, 10**18, 99_999, 2**64):
        yield Attack(f"range-{end}", layers(f"{{for: {{i: 1..{end}}}, op: ReLU}}"), limit, 5)
    yield Attack("range-from-below", layers("{for: {i: -99999999999999999999..5}, op: ReLU}"), limit, 5)
    many = "{for: {i: 1..99999}, id: x}"
    group = f"{{layers: [{{id: x, op: ReLU}}], taps: [{many}]}}"
    outputs = "outputs: [{for: {i: 1..99999}, id: o$i, from: x}]\n"
    inputs = HEAD + "blocks: {B: {inputs: [{for: {i: 1..99999}, id: x$i}], layers: [{op: add, from: [x1, x2]}]}}\n"
    yield Attack("list-of-a-loop", layers("{id: x, op: ReLU}", f"{{op: add, from: [{many}]}}"), limit, 6)
    yield Attack(
        "lists-of-loops", layers("{id: x, op: ReLU}", f"{{for: {{j: 1..4000}}, op: add, from: [{many}]}}"), limit
    )
    yield Attack("taps-of-a-loop", layers(group), ("limit-exceeded", "duplicate-id"))
    yield Attack("outputs-of-a-loop", layers("{id: x, op: ReLU}") + outputs, limit)
    yield Attack("inputs-of-a-loop", layers("{op: B, from: [input, input]}", head=inputs), limit)
    yield Attack("range-computed", layers('{for: {i: "1..$(10 ** 9)"}, op: ReLU}'), limit, 5)
    inner = "{for: {j: 1..100000}, op: ReLU}"
    yield Attack("loops-in-loops", layers(f"{{for: {{i: 1..100000}}, do: [{inner}]}}"), limit, 5)
    yield Attack("loops-in-groups", layers(f"{{for: {{i: 1..4000}}, layers: [{inner}]}}"), limit, 5)
    empty = "{for: {j: 1..1000}, do: [{for: {k: 1..0}, op: ReLU}]}"
    yield Attack("empty-loops", layers(f"{{for: {{i: 1..1000}}, do: [{empty}]}}"), limit, 5)
    hidden = "{for: {j: 1..$n}, do: [{for: {k: 1..$n}, when: false, op: ReLU}]}"
    yield Attack(
        "loops-left-out", layers(f"{{for: {{i: 1..$n}}, do: [{hidden}]}}", head=HEAD + "params: {n: 900}\n"), limit
    )
    tens = blocks(10, lambda i: f"{{for: {{i: 1..10}}, op: {f'B{i - 1}' if i else 'ReLU'}}}")
    yield Attack("blocks-of-blocks", tens, limit)
    args = blocks(
        10,
        lambda i: f"{{for: {{i: 1..10}}, op: {f'B{i - 1}, a: $(a * 10 + i)' if i else 'ReLU'}}}",
        params="    params: {a: 1}\n",
    )
    yield Attack("blocks-all-different", args, limit)
    deep = blocks(200, lambda i: f"{{op: {f'B{i - 1}' if i else 'ReLU'}}}")
    yield Attack("blocks-in-blocks", deep, limit)
    groups = blocks(60, lambda i: "{layers: [" * 5 + f"{{op: {f'B{i - 1}' if i else 'ReLU'}}}" + "]}" * 5)
    yield Attack("groups-in-blocks", groups, limit)
    rows = "[" + ", ".join(f"[{i}, 1]" for i in range(6_000)) + "]"
    yield Attack("rows", layers(f'{{for: {{"a, b": {rows}}}, op: ReLU}}'), limit, 5)
    shared = ["{id: a, layers: [" + ", ".join(["{op: ReLU}"] * 1_000) + "]}", "{for: {i: 1..4400}, share: a}"]
    yield Attack("shared-group", layers(*shared), limit, 6)


@row
def magnitude() -> Rows:
    limit = ("limit-exceeded",)
    for name, entry in {
        "channels-2^70": f"{{op: Conv2d, out_channels: {2**70}, kernel_size: 1}}",
        "9**9**9": "{op: Conv2d, out_channels: $(9 ** 9 ** 9), kernel_size: 1}",
        "powers": "{op: Conv2d, out_channels: $(2 ** 2 ** 2 ** 2 ** 2 ** 2), kernel_size: 1}",
        "list-of-lists": '{op: ReLU, when: "$(len([[0] * 9999] * 9999) > 1)"}',
        "string": "{op: ReLU, when: \"$(len('a' * 10 ** 9) > 1)\"}",
        "kernel": f"{{op: Conv2d, out_channels: 1, kernel_size: {2**62}, padding: {2**62}}}",
        "padding": f"{{op: ZeroPad2d, padding: {2**62}}}",
        "upsample": "{op: Upsample, scale_factor: 1.0e+300}",
        "upsample-size": f"{{op: Upsample, size: {10**15}}}",
        "adaptive": f"{{op: AdaptiveAvgPool2d, output_size: {10**9}}}",
    }.items():
        yield Attack(name, layers(entry), limit, 5)
    yield Attack(
        "10-TB-Linear", layers("{op: Flatten}", f"{{op: Linear, out_features: {10**13 // 4 // 3072}}}"), limit, 6
    )
    thousands = layers("{op: Flatten}", "{for: {i: 1..1000}, op: Linear, out_features: 1000000}")
    yield Attack("many-Linears", thousands, limit)
    yield Attack("parameter", layers("{id: p, op: Parameter, shape: [1000000, 1000000, 1000000]}"), limit, 5)
    yield Attack("input-2^70", layers("{op: ReLU}", head=HEAD.replace("32, 32", f"{2**70}, 1")), limit, 3)
    huge = HEAD.replace("3, 32, 32", "2000000000, 2000000000, 2000000000")
    yield Attack("input-2e27", layers("{op: ReLU}", head=huge), limit)
    rank = HEAD.replace("3, 32, 32", ", ".join(["1"] * 15_000))
    yield Attack("rank-15000", layers("{op: ReLU}", head=rank), limit, 3)
    yield Attack("rank-9", layers("{op: ReLU}", head=HEAD.replace("3, 32, 32", "1, 1, 1, 1, 1, 1, 1, 1, 1")), limit, 3)
    parts = HEAD.replace("3, 32, 32", "2000000000")
    yield Attack("chunk", layers("{op: chunk, chunks: 1000000000}", head=parts), limit, 5)
    yield Attack("split", layers("{op: split, split_size: 1}", head=parts), limit, 5)


@row
def text_growth() -> Rows:
    limit = ("limit-exceeded",)
    doubling = "".join(f"  p{i}: x$p{i - 1}$p{i - 1}\n" if i else "  p0: aaaaaaaaaaaaaaaa\n" for i in range(40))
    yield Attack("strings", layers("{op: ReLU}", head=f"{HEAD}params:\n{doubling}"), limit)
    lists = "".join(f"  p{i}: [$p{i - 1}, $p{i - 1}]\n" if i else "  p0: [1]\n" for i in range(40))
    yield Attack("lists", layers("{op: ReLU}", head=f"{HEAD}params:\n{lists}"), limit)
    numbers = "".join(f"  p{i}: $(p{i - 1} + p{i - 1})\n" if i else "  p0: 1\n" for i in range(4_000))
    yield Attack("numbers", layers("{op: ReLU}", head=f"{HEAD}params:\n{numbers}"), limit)
    long = "a" * 19_000
    for name, names in {"let-of-texts": doubling, "let-of-lists": lists, "let-of-numbers": numbers}.items():
        yield Attack(name, layers("{op: ReLU}", head=f"{HEAD}let:\n{names}"), ("limit-exceeded", "bad-expression"))
    yield Attack(
        "dots-in-from", layers("{id: x, op: ReLU}", f"{{op: ReLU, from: {'a.' * 9_000}a}}"), ("unknown-reference",)
    )
    yield Attack("ids-in-loops", layers(f'{{for: {{i: 1..4400}}, id: "{long}$i", op: ReLU}}'), limit, 5)
    yield Attack("one-id", layers(f'{{id: "{long}", op: ReLU}}'), ("bad-value",), 5)
    loop = "{for: {i: 1..4400}, op: Conv2d, kernel_size: 1, out_channels: %s}"
    values = HEAD + "params: {l: [" + ", ".join(["1"] * 9_000) + "]}\n"
    yield Attack("sums-in-loops", layers(loop % '"$(sum(l))"', head=values), limit, 6)
    yield Attack(
        "long-sums-in-loops",
        layers(loop.replace("4400", "2500") % f"$(1 + 0 * ({'+'.join(['i'] * 25)}))", head=values),
        (),
    )
    yield Attack("too-long-sums", layers(loop % f"$({'+'.join(['i'] * 490)})", head=values), limit)
    block = "blocks:\n  B: {params: {l: list, i: 1}, layers: [{op: ReLU}]}\n"
    yield Attack("lists-as-arguments", layers("{for: {i: 1..3000}, op: B, l: $l, i: $i}", head=values + block), limit)


@row
def many() -> Rows:
    """Thousands of mistakes, names or patterns cost no more than a few."""
    conv = "{id: a%d, op: Conv2d, out_channels: 3, kernel_size: 1}"
    yield Attack(
        "mistakes", layers(*["{op: Conv2d, out_channel: 3, kernel_size: 1}"] * 2_000), ("unknown-argument",), 5
    )
    yield Attack("ops", layers(*[f"{{op: Conv9d{i}}}" for i in range(2_000)]), ("unknown-op",), 5)
    yield Attack(
        "references", layers(*[f"{{id: a{i}, op: ReLU, from: b{i}}}" for i in range(2_000)]), ("unknown-reference",), 5
    )
    forward = [f"{{id: a{i}, op: ReLU, from: a{i + 1}}}" for i in range(2_000)]
    yield Attack("forward", layers(*forward), ("forward-reference", "cycle"), 5)
    arguments = ", ".join(f"k{i}: 1" for i in range(9_000))
    yield Attack("arguments", layers(f"{{op: ReLU, {arguments}}}"), ("unknown-argument",), 5)
    yield Attack("top-keys", HEAD + "".join(f"k{i}: 1\n" for i in range(9_000)), ("unknown-key",))
    yield Attack("long-names", layers(*[f"{{op: {'Conv' * 4_000}{i}}}" for i in range(60)]), ("unknown-op",), 5)
    yield Attack("inplace", layers(*["{op: ReLU, inplace: true}"] * 2_000), ())
    written = [f"{{id: a{i}, op: ReLU, inplace: true}}" for i in range(1_900)]
    yield Attack("inplace-read", layers(*written, "{op: add, from: [a0, a1899]}"), ("unsafe-inplace",), 6)
    yield Attack(
        "unused", layers(*[f"{{id: a{i}, op: ReLU, from: input}}" for i in range(1_900)]), ("unused-layer",), 5
    )
    parts = "{for: {i: 1..4400}, id: s$i, op: split, split_size: 1, from: input}"
    wide = HEAD.replace("[3, 32, 32]", "[1000, 2, 2]")
    yield Attack("parts", layers(parts, "{op: ReLU, from: input}", head=wide), ("limit-exceeded",), 5)
    yield Attack("left-out", layers(*[f"{{id: a{i}, op: ReLU, when: false}}" for i in range(2_000)]), ())
    yield Attack("sums", layers(f"{{op: add, from: [{', '.join(['input'] * 15_000)}]}}"), ())
    outputs = "".join(f"  - {{id: o{i}, from: a{i}}}\n" for i in range(1_200))
    chain = layers(*[f"{{id: a{i}, op: ReLU}}" for i in range(1_200)])
    yield Attack("outputs", f"{chain}outputs:\n{outputs}", ())
    inside = ", ".join(f"{{id: a{i}, op: ReLU}}" for i in range(2_000))
    paths = ", ".join(f"a{i}" for i in range(2_000))
    yield Attack("taps", layers(f"{{id: g, layers: [{inside}], taps: [{paths}]}}"), ())
    yield Attack(
        "taps-deep",
        layers(f"{{id: g, layers: [{{id: a, op: ReLU}}], taps: [{'.'.join(['a'] * 9_000)}]}}"),
        ("unknown-reference",),
        5,
    )
    looped = "{for: {i: 1..1000}, op: Conv2d, out_channels: $(a + i), kernel_size: 1}"
    choices = "variants:\n" + "".join(f"  v{i}: {{params: {{a: {i}}}}}\n" for i in range(1_000))
    growing = layers(looped, head=HEAD + "params: {a: 1}\n") + choices
    yield Attack("variants", growing, ("limit-exceeded",), 6)
    yield Attack(
        "defaults",
        layers("{op: ReLU}", head=HEAD + "defaults:\n" + "".join(f"  B{i}: {{a: 1}}\n" for i in range(4_000))),
        ("unknown-op",),
        5,
    )
    body = layers("{for: {i: 1..2000}, op: Conv2d, out_channels: 3, kernel_size: 1}")
    for name, pattern, count in (
        ("globs", "**.%d.**.w*t*", 9_000),
        ("stars", "**." * 3_000 + "%d", 50),
        ("letters", "*a" * 9_000 + "%d", 50),
    ):
        made = "".join(f'  - "{pattern % i}"\n' for i in range(count))
        yield Attack(f"freeze-{name}", f"{body}freeze:\n{made}", ("limit-exceeded",), 6)
        rules = "".join(f'  - {{match: "{pattern % i}", w: 1}}\n' for i in range(min(count, 3_000)))
        yield Attack(f"init-{name}", f"{body}init:\n{rules}", ("limit-exceeded",), 6)
    inputs = ", ".join(f"{{id: i{i}, shape: [1]}}" for i in range(1_500))
    merged = ", ".join(f"i{i}" for i in range(1_500))
    yield Attack("inputs", f"spec: 1\nname: t\ninputs: [{inputs}]\nlayers:\n  - {{op: add, from: [{merged}]}}\n", ())
    yield Attack("shares", layers(conv % 0, *["{share: a0}"] * 2_000), ())


@row
def searches() -> Rows:
    """Looking for what was intended, or for a name that comes later, costs little, however often."""
    alike = [("ab" * 50)[i % 50 :][:40] + str(i) for i in range(300)]
    long = [f"{'ab' * 40}{i}" for i in range(300)]
    for name, ids in (("alike", alike), ("long", long)):
        there = [f"{{id: x{i}{id}, op: ReLU}}" for i, id in enumerate(ids)]
        gone = [f"{{op: ReLU, from: y{id[::-1]}}}" for id in ids[:99]]
        yield Attack(f"references-{name}", layers(*there, *gone), ("unknown-reference",), 305)
        turns = layers(*there, f"{{for: {{i: 1..2000}}, op: ReLU, from: z$(i){ids[0]}}}")
        yield Attack(f"turns-{name}", turns, ("unknown-reference",), 305)
    known = "".join(f"  {'Block' * 6}{i}: {{layers: [{{op: ReLU}}]}}\n" for i in range(300))
    wrong = [f"{{op: {'kcolB' * 6}{i}}}" for i in range(99)]
    yield Attack("blocks", layers(*wrong, head=f"{HEAD}blocks:\n{known}"), ("unknown-op",))
    many = "variants:\n" + "".join(f"  v{i}: {{params: {{a: {i}}}}}\n" for i in range(100))
    ops = [f"{{op: {'Vnoc' * 5}{i}d}}" for i in range(90)]
    yield Attack("variants", layers(*ops, head=HEAD + "params: {a: 1}\n") + many, ("unknown-op",), 6)
    for k, n in ((14, 30), (40, 200)):
        later = f"{{for: {{i: [a, b]}}, id: '{'$i' * k}', op: ReLU}}"
        yield Attack(f"ids-{k}", layers(f"{{op: ReLU, from: {'a' * n}-}}", later), ("unknown-reference",), 5)
    opened = [f"{{id: '{'$(' * 5_000}{i}', op: ReLU}}" for i in range(50)]
    yield Attack("ids-opened", layers("{op: ReLU, from: x}", *opened), ("unknown-reference", "bad-expression"), 5)
    empty = ", ".join(["{op: ReLU}"] * 5_000)
    inner = f"{{for: {{i: 1..100}}, layers: [{{op: ReLU, from: zzz$i}}, {{for: {{k: 1..0}}, do: [{empty}]}}]}}"
    yield Attack("lists-again", layers(inner), ("unknown-reference",), 5)
    inside = ", ".join(["{op: ReLU}"] * 43)
    used = layers(
        "{for: {i: 1..4000}, op: B}",
        *[f"{{op: ReLU, from: x{i}}}" for i in range(99)],
        head=f"{HEAD}blocks: {{B: {{layers: [{inside}]}}}}\n",
    )
    yield Attack("insides", used, ("unknown-reference",), 7)


@row
def scopes() -> Rows:
    """Names that everybody may read, and lists that are written once and taken often."""
    sources = ", ".join(["input"] * 15_000)
    for turns in (400, 4_400):
        adds = layers(f"{{for: {{i: 1..{turns}}}, op: add, from: [{sources}]}}")
        yield Attack(f"from-{turns}", adds, ("limit-exceeded",), 5)
    for count, turns in ((2_000, 1_000), (5_000, 4_400)):
        params = "".join(f"      p{i}: x\n" for i in range(count))
        block = f"{HEAD}blocks:\n  B:\n    params:\n      j: 1\n{params}    layers: [{{op: ReLU}}]\n"
        many = layers(f"{{for: {{i: 1..{turns}}}, op: B, j: $i}}", head=block)
        yield Attack(f"block-params-{count}", many, ("limit-exceeded",))
        yield Attack(f"block-params-{count}-again", many.replace("j: $i", "j: 1"), ("limit-exceeded",))
    names = "params:\n" + "".join(f"  p{i}: 1\n" for i in range(9_000))
    yield Attack("names-in-loops", layers("{for: {i: 1..4400}, op: ReLU}", head=HEAD + names), ())
    block = f"{HEAD}{names}blocks: {{B: {{params: {{j: 1}}, layers: [{{op: ReLU}}]}}}}\n"
    yield Attack("names-in-blocks", layers("{for: {i: 1..2000}, op: B, j: $i}", head=block), ())
    bad = "variants:\n" + "".join(f"  v{i}: {{params: {{a: {i}}}}}\n" for i in range(3_000))
    again = layers("{op: Conv2d, out_channels: $(a * 0), kernel_size: 1}", head=HEAD + "params: {a: 1}\n") + bad
    yield Attack("variants-wrong", again, ("bad-value",), 6)
    for op in ("MaxPool2d", "LPPool2d, norm_type: 2", "Conv2d, out_channels: 1"):
        strided = layers(f"{{op: {op}, kernel_size: 2, stride: 2147483648}}")
        yield Attack(f"stride-{op[:6]}", strided, ("limit-exceeded",), 5)
    digits = "expect: {params: 1" + ",000" * 1_434 + "}\n"
    yield Attack("grouped-digits", layers("{op: ReLU}") + digits, ("bad-value",), 6)
    yield Attack(
        "grouped-values", HEAD + "published: {a: 1" + ",000" * 9_000 + "}\nlayers: [{op: ReLU}]\n", ("bad-value",), 4
    )


@row
def uses() -> Rows:
    """`use` reaches into the folder of the spec and the catalogue, and nowhere else."""

    def using(path: str) -> str:
        return layers("{op: N}", head=f"{HEAD}use: {{N: {path}}}\n")

    refused = ("unknown-reference",)
    outside = {
        "above": "../secret.yaml",
        "in-and-above": "below/../../secret.yaml",
        "absolute": "/etc/passwd.yaml",
        "root": "/",
        "device": "/dev/zero",
        "linked-file": "./linked.yaml",
        "linked-folder": "./linked/secret.yaml",
        "linked-device": "./zero.yaml",
        "folder": "./below",
        "pipe": "./pipe.yaml",
        "missing": "./missing.yaml",
        "nul": '"./a\\0b.yaml"',
        "long": "./" + "a" * 5_000 + ".yaml",
        "escape": '"./\\e[31mred.yaml"',
        "ring": "./ring.yaml",
        "url": '"https://example.com/x.yaml"',
        "home": "~/x.yaml",
        "empty": '""',
        "import": "os.system",
        "dots": "..",
        "dot": ".",
        "windows": '"..\\\\secret.yaml"',
        "module": "torch.nn.Linear",
        "variant": "./linked.yaml:small",
    }
    for name, path in outside.items():
        yield Attack(name, using(path), refused, 4)
    yield Attack("self", using("./spec.yaml"), ("cycle",))
    other = layers("{op: M}", head=f"{HEAD}use: {{M: ./spec.yaml}}\n")
    yield Attack("each-other", using("./other.yaml"), ("cycle",), None, {"other.yaml": other})

    def link(i: int, last: int) -> str:
        head = f"{HEAD}params: {{a: 1}}\n" + (f"use: {{N: ./c{i + 1}.yaml}}\n" if i < last else "")
        entries = [f"{{op: N, a: $(a * 2 % 1000003 + {k})}}" for k in (0, 1)] if i < last else ["{op: ReLU}"]
        return layers(*entries, head=head)

    for length in (20, 90):
        beside = {f"c{i}.yaml": link(i, length - 1) for i in range(length)}
        yield Attack(f"chain-{length}", using("./c0.yaml"), ("limit-exceeded",), None, beside)
    large = layers("{op: ReLU}") + "".join("#" * 4_000 + "\n" for _ in range(100))
    names = ", ".join(f"N{i}: ./n{i}.yaml" for i in range(40))
    text = layers(*(f"{{op: N{i}}}" for i in range(40)), head=f"{HEAD}use: {{{names}}}\n")
    yield Attack("large-files", text, ("limit-exceeded",), 4, {f"n{i}.yaml": large for i in range(40)})
    yield Attack("broken", using("./other.yaml"), ("limit-exceeded",), 1, {"other.yaml": "[" * MANY})


# -- what a check takes in its stride, and another command might not --------------------------------------------------


def aimed(at: str) -> Callable[[Callable[[], Rows]], Callable[[], Rows]]:
    """A row of attacks that are made for a command."""

    def made(make: Callable[[], Rows]) -> Callable[[], Rows]:
        ROWS[make.__name__] = lambda: (replace(attack, aim=at) for attack in make())
        return make

    return made


def block(params: str, *entries: str, uses: str, head: str = HEAD) -> str:
    """A network of one block."""
    inside = "".join(f"      - {entry}\n" for entry in entries)
    return layers(uses, head=f"{head}blocks:\n  B:\n    params: {{{params}}}\n    layers:\n{inside}")


@aimed("source")
def classes() -> Rows:
    """Source: what blocks have in common, and what tells their instances apart."""
    many = "params:\n" + "".join(f"  p{i}: 1\n" for i in range(4_000))
    often = "{for: {i: 1..400}, op: B, j: $i}"
    yield Attack("names", block("j: 1", "{op: ReLU}", uses=often.replace("400", "1000"), head=HEAD + many), ())
    apart = ("{op: ReLU}", "{id: a$j, op: ReLU}")
    yield Attack("apart", block("j: 1", *apart, uses=often), ())
    yield Attack("apart-names", block("j: 1", *apart, uses=often, head=HEAD + many), ())
    yield Attack("apart-in-loops", block("j: 1", "{op: ReLU}", "{for: {k: [$j]}, op: ReLU}", uses=often), ())
    yield Attack("left-out", block("j: 1", "{op: ReLU}", '{op: ReLU, when: "$(j % 2 == 0)"}', uses=often), ())
    conditions = [f'{{op: ReLU, when: "$(j % {k} == 0)"}}' for k in range(2, 52)]
    yield Attack("conditions", block("j: 1", *conditions, uses="{for: {i: 1..80}, op: B, j: $i}"), ())
    numbers = [
        f"{{id: c{i}, op: Conv2d, out_channels: $(a * {i} + {i * i % 97 + 1}), kernel_size: 1}}" for i in range(500)
    ]
    twice = "{for: {i: [1, 2]}, op: B, a: $i}"
    yield Attack("numbers", block("a: 1", *numbers, uses=twice), ())
    yield Attack("numbers-60", block("a: 1", *numbers[:60], uses=twice.replace("[1, 2]", "1..60")), ())
    folded = (
        f'{{id: c{i}, op: Linear, out_features: "$(max(a * {i}, {i * i % 97 + 1}))"}}\n'
        f"      - {{id: u{i}, op: Unflatten, dim: 1, unflattened_size: [1, -1]}}\n      - {{id: f{i}, op: Flatten}}"
        for i in range(250)
    )
    yield Attack("unsaid", block("a: 1", *folded, uses=twice, head=HEAD.replace("3, 32, 32", "64")), ())
    own = ", ".join(f"p{i}: 1" for i in range(500))
    taking = (f"{{op: Conv2d, kernel_size: 1, out_channels: $p{i}}}" for i in range(500))
    yield Attack("parameters", block(f"a: 1, {own}", *taking, uses=f"{twice[:-1]}, {own.replace('1,', '2,')}}}"), ())
    nested = blocks(
        30,
        lambda i: f"{{op: {f'B{i - 1}, j: $j' if i else 'Conv2d, kernel_size: 1, out_channels: $j'}}}",
        params="    params: {j: 1}\n",
    )
    yield Attack("nested", nested.replace("{op: B29}", "{for: {i: 1..60}, op: B29, j: $i}"), ())
    group = "{id: %s, layers: [{id: a%s, op: ReLU}, {op: add, from: [a%s, input]}]}"
    yield Attack("groups", layers(*[group % (f"g{i}", "", "") for i in range(400)]), ())
    yield Attack("groups-apart", layers(*[group % (f"g{i}", i, i) for i in range(400)]), ())
    sequence = layers("{for: {i: 1..1500}, op: Conv2d, out_channels: '$(i % 7 + 1)', kernel_size: 1}")
    yield Attack("sequence", sequence, ())
    rules = ", ".join(f"{{match: Conv2d, weight: {i}}}" for i in range(3_000))
    yield Attack(
        "rules", layers("{for: {i: 1..30}, op: Conv2d, out_channels: 3, kernel_size: 1}") + f"init: [{rules}]\n", ()
    )


@aimed("source")
def values() -> Rows:
    """Forward: values that live long, and are read often."""
    read = [f"{{id: b{i}, op: ReLU, from: a}}" for i in range(500)]
    total = f"{{op: add, from: [{', '.join(f'b{i}' for i in range(500))}]}}"
    yield Attack("read-often", layers("{id: a, op: ReLU}", *read, total), ())
    yield Attack("alive", layers(*[entry.replace(", from: a", "") for entry in read], total), ())
    heavy = [f"{{id: b{i}, op: Conv2d, out_channels: 3, kernel_size: 1}}" for i in range(500)]
    some = f"{{op: add, from: [{', '.join(f'b{i}' for i in range(500))}]}}"
    yield Attack("alive-heavy", layers(*heavy, some), ())
    parts = [f"{{id: d{i}, op: Linear, out_features: 1, from: c.{i % 64}}}" for i in range(500)]
    merged = f"{{op: add, from: [{', '.join(f'd{i}' for i in range(500))}]}}"
    head = HEAD.replace("3, 32, 32", "64")
    yield Attack("parts", layers("{id: c, op: chunk, chunks: 64}", *parts, merged, head=head), ())
    unread = layers(*[f"{{id: a{i}, op: ReLU, from: input}}" for i in range(1_003)])
    yield Attack("unread", unread, ("unused-layer",), 5)


@aimed("summary")
def rows() -> Rows:
    """Summaries: a hundred bytes that list a hundred thousand layers."""
    inner = "{for: {i: 1..43}, op: Conv2d, kernel_size: 1, out_channels: 3}"
    yield Attack("block", block("", inner, uses="{for: {i: 1..4300}, op: B}"), ())
    deep = blocks(5, lambda i: f"{{for: {{i: 1..11}}, op: {f'B{i - 1}' if i else 'ReLU'}}}")
    yield Attack("blocks", deep, ())
    yield Attack("frozen", block("", inner, uses="{for: {i: 1..400}, op: B}") + 'freeze: ["**"]\n', ())


@aimed("list")
def variants() -> Rows:
    """Lists: a file of a thousand networks."""

    def of(entry: str, count: int, params: str = "a: 1") -> str:
        made = "".join(f"  v{i}: {{params: {{a: {i + 1}}}}}\n" for i in range(count))
        return layers(entry, head=f"{HEAD}params: {{{params}}}\n") + f"variants:\n{made}"

    conv = "op: Conv2d, out_channels: $a, kernel_size: 1}"
    limit = ("limit-exceeded",)
    yield Attack("large", of("{for: {i: 1..4000}, " + conv, 1_000), limit, 6)
    yield Attack("small", of("{" + conv, 1_000), ())
    yield Attack("equal", of("{op: Conv2d, out_channels: 3, kernel_size: 1}", 1_000), ())
    sums = ", ".join(f"p{i}: $(1 + 1)" for i in range(4_000))
    yield Attack("parameters", of("{op: ReLU}", 1_000, f"a: 1, {sums}"), limit, 4)
    rules = ", ".join(f"{{match: Conv2d, weight: {i}}}" for i in range(2_000))
    yield Attack("rules", of("{" + conv, 1_000) + f"init: [{rules}]\n", limit, 4)


@aimed("show")
def parameters() -> Rows:
    """Values before there is a layer, which `show` prints."""
    limit = ("limit-exceeded",)
    lists = ", ".join(f'p{i}: "$([0] * 9999)"' for i in range(6_000))
    yield Attack("lists", layers("{op: ReLU}", head=f"{HEAD}params: {{{lists}}}\n"), limit, 4)
    forward = ", ".join(f"p{i}: $p{i + 1}" for i in range(2_500))
    yield Attack(
        "forward", layers("{op: ReLU}", head=f"{HEAD}params: {{{forward}, p2500: 1}}\n"), ("unknown-param",), 4
    )
    yield Attack("ring", layers("{op: ReLU}", head=f"{HEAD}params: {{{forward}, p2500: $p0}}\n"), ("cycle",), 4)
    in_block = block(lists, "{op: ReLU}", uses="{op: B}")
    yield Attack("lists-of-a-block", in_block, limit)
    rules = ", ".join(f"{{match: c, weight: {i}}}" for i in range(1_000))
    conv = layers("{id: c, op: Conv2d, kernel_size: 1, out_channels: 3}", head=f"{HEAD}params: {{a: 1}}\n")
    used = f"{conv}init: [{rules}]\n"
    using = layers("{for: {i: 1..60}, id: n$i, op: N, a: $i}", head=f"{HEAD}use: {{N: ./other.yaml}}\n")
    yield Attack("rules-of-a-used-spec", using, limit, None, {"other.yaml": used})


@aimed("fmt")
def layout() -> Rows:
    """Formatting, and the difference that it makes."""
    good = layers("{op: ReLU}")
    for name, (line, count) in {
        "blanks": ("# c{blank}\n", 13_000),
        "blanks-and-numbers": ("# c{i}{blank}\n", 6_500),
        "blanks-1-MB": ("# c{blank}\n", 200_000),
        "blanks-and-numbers-1-MB": ("# c{i}{blank}\n", 90_000),
    }.items():
        yield Attack(name, good + "".join(line.format(i=i, blank=" " * (i % 2)) for i in range(count)), ())
    params = ", ".join(f"p{i}: 1" for i in range(3_000))
    turned = ", ".join(f"p{i}: 2" for i in range(2_999, 0, -1))
    yield Attack("arguments-turned", block(params, "{op: ReLU}", uses=f"{{op: B, {turned}}}"), ())
    below = "op: B\n" + "".join(f"    p{i}: 2\n" for i in range(2_999, 0, -1))
    yield Attack("arguments-below-each-other", block(params, "{op: ReLU}", uses=below), ())
    known = block(params, "{op: ReLU}", uses="{op: B, p1: 1}")
    yield Attack("arguments-known", known + "  - {op: B, p1: 1}\n" * 1_000, ("limit-exceeded",))


RECIPE = "recipe: 1\nname: r\n"
#: Recipes: each is refused.
RECIPES: dict[str, str] = {
    "unknown-keys": RECIPE + "".join(f"k{i}: 1\n" for i in range(6_500)),
    "keys-alike": RECIPE + "".join(f"batch_siz{i}: 1\n" for i in range(6_500)),
    "parameters": f"{RECIPE}network: {{name: lenet5, params: {{{', '.join(f'k{i}: 1' for i in range(6_000))}}}}}\n",
    "steps": f"{RECIPE}network: lenet5\ntransforms: {{augment: [{', '.join(['{op: nope, a: 1}'] * 4_000)}]}}\n",
    "nesting": RECIPE + "network: " + "[" * MANY,
    "values": RECIPE + "published: [" + "1," * MANY + "]\n",
}
