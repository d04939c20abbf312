"""The commands of `zoo`, one module each with a click command named `command`, imported when it is called.

`common`, `layout` and `shell_completion` are what they share; `training_options` and `weights_options` what those share
that train, or take weights; `diff_report`, `summary_formats`, `exports` and `watching` belong to one or two of them.
`SECTIONS` is what `zoo --help` says without importing any.
"""

from keyword import iskeyword

SECTIONS: dict[str, dict[str, str]] = {
    "Look": {
        "list": "Networks of the zoo: family, parameters, MACs, input, year.",
        "show": "A network's spec, and what it inherits from what.",
        "summary": "Layer by layer: output shape, parameters, MACs, and totals.",
        "draw": "A network as a picture: SVG, PNG, PDF, Mermaid, Graphviz, TikZ.",
        "site": "The zoo as static pages, and its documentation.",
        "sizes": "Which sizes of its input a network takes, and what comes out.",
        "sweep": "Many settings of a network: what each costs, which fit, which are best.",
        "compare": "Networks side by side, true numbers beside printed ones.",
        "diff": "What changed from one network to another, layer by layer.",
        "fingerprint": "A hash of what a network computes.",
    },
    "Write": {
        "new": "Start a spec file, commented or from a network of the zoo.",
        "import": "The spec of a model in code, or in another library's file.",
        "check": "Everything that is wrong with specs, at its line.",
        "explain": "What a word means: a mistake's code, an op, an argument, a key.",
        "ops": "The layers and functions of the language, a line each.",
        "fmt": "Specs in the project's style, comments kept.",
        "lsp": "A language server: problems, shapes and completion in an editor.",
        "schema": "The JSON Schema of specs, for editors.",
    },
    "Build": {
        "build": "Build a network, run it, hold it to what was predicted; write it.",
        "source": "A network as Python that needs torch alone.",
        "export": "A network as ONNX, torch.export's .pt2 or .safetensors, run beside the module.",
    },
    "Train": {
        "recipes": "The zoo's training recipes.",
        "data": "What a recipe's data looks like.",
        "lr-find": "Which learning rate to try.",
        "train": "Train a network by a recipe.",
        "search": "Train what fits a budget, for the best setting: a variant of the spec.",
        "evaluate": "Measure a trained network again.",
        "predict": "What a trained network says of images.",
        "curves": "The training of several runs in one picture.",
        "landscape": "The loss around what was found.",
    },
    "Shell": {
        "completion": "The script that completes commands and networks in your shell.",
    },
}

#: What commands are called elsewhere: they run, and say by which name they are known here.
ALIASES: dict[str, str] = {
    **dict.fromkeys(("lint", "validate", "verify"), "check"),
    **dict.fromkeys(("plot", "render", "visualize"), "draw"),
    **dict.fromkeys(("convert", "from-module"), "import"),
    **dict.fromkeys(("ls", "models", "networks"), "list"),
    "format": "fmt",
    **dict.fromkeys(("cat", "print"), "show"),
    **dict.fromkeys(("init", "create"), "new"),
    **dict.fromkeys(("info", "describe"), "summary"),
    **dict.fromkeys(("code", "emit", "generate"), "source"),
    **dict.fromkeys(("eval", "test"), "evaluate"),
    "layers": "ops",
    "doc": "explain",
}


def module_of(command: str) -> str:
    """Return the name of the module that a command lives in: `a-b` in `a_b`, and `import`, as Python has it, in
    `import_`.
    """
    name = command.replace("-", "_")
    return f"{name}_" if iskeyword(name) else name
