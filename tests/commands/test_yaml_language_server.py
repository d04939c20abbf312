"""The schema as yaml-language-server has it, the real one from npm: hover, completion, what is underlined."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from speczoo.compiler.emit import schema
from speczoo.compiler.reference import reference
from speczoo.training.recipe_schema import recipe_schema

PACKAGE = "yaml-language-server@1.25"
HEAD = "spec: 1\nname: t\ninput: [3, 32, 32]\nlayers:\n"
Json = dict[str, Any]

pytestmark = pytest.mark.slow


class Server:
    """Speaks the protocol with a server over its standard input and output, one question at a time."""

    def __init__(self, words: list[str], settings: Json) -> None:
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.settings, self.numbers, self.reported = settings, count(1), list[Json]()
        capabilities = {"workspace": {"configuration": True}}
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self.tell("initialized", {})

    def send(self, message: Json) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def report(self, method: str, params: Json) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: Json) -> Any:
        number = next(self.numbers)
        self.send({"id": number, "method": method, "params": params})
        while "method" in (message := self.read()) or message.get("id") != number:
            self.heard(message)
        return message["result"]

    def read(self) -> Json:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length"):
                length = int(line.partition(b":")[2])
        return json.loads(self.process.stdout.read(length))  # type: ignore[no-any-return]

    def heard(self, message: Json) -> None:
        if "id" not in message:
            self.reported.append(message)
        elif message["method"] == "workspace/configuration":
            items = message["params"]["items"]
            self.send({"id": message["id"], "result": [self.settings.get(each.get("section")) for each in items]})
        elif "method" in message:
            self.send({"id": message["id"], "result": None})

    def opened(self, text: str) -> tuple[str, list[Json]]:
        """Open a text; its address, and what is wrong with it."""
        uri = f"file:///x{next(self.numbers)}.yaml"
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        while True:
            for message in self.reported:
                if message["params"].get("uri") == uri:
                    return uri, message["params"]["diagnostics"]
            self.heard(self.read())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    home = tmp_path_factory.mktemp("server")
    installed = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", PACKAGE], cwd=home, capture_output=True
    )
    if installed.returncode:
        pytest.skip("npm finds no yaml-language-server")
    (home / "spec.json").write_text(schema.text())
    (home / "recipe.json").write_text(schema.text(recipe_schema()))
    return home


def started(home: Path, name: str) -> Iterator[Server]:
    schemas = {(home / name).as_uri(): "*.yaml"}
    settings = {"yaml": {"validate": True, "hover": True, "completion": True, "schemas": schemas}}
    program = home / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    server = Server(["node", str(program), "--stdio"], settings)
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    yield from started(home, "spec.json")


@pytest.fixture(scope="module")
def recipes(home: Path) -> Iterator[Server]:
    yield from started(home, "recipe.json")


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("{op: Conv2d, out_channels: 8, kernel_size: 3}", None),
        ("{op: Mine, out_channels: 8}", None),
        ("{op: conv2d, out_channels: 8, kernel_size: 3}", "Conv2d"),
        ("{op: Conv2d, out_channels: 8, kernel_sise: 3}", "kernel_sise"),
        ("{op: Conv2d, out_channels: a, kernel_size: 3}", "integer"),
        ("{op: Conv2d, out_channels: 8}", "kernel_size"),
    ],
)
def test_what_is_wrong_is_underlined(line: str, wrong: str | None, server: Server) -> None:
    _, found = server.opened(f"{HEAD}  - {line}\n")
    assert bool(found) == (wrong is not None)
    assert wrong is None or any(wrong in each["message"] for each in found)


def asked(server: Server, method: str, text: str) -> Any:
    """What the server says at the `|` of a text."""
    before, _, after = text.partition("|")
    uri, _ = server.opened(before + after)
    position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
    return server.ask(method, {"textDocument": {"uri": uri}, "position": position})


def completed(server: Server, text: str) -> set[str]:
    found = asked(server, "textDocument/completion", text)
    return {each["label"] for each in (found["items"] if isinstance(found, dict) else found)}


def test_an_op_and_its_arguments_are_described(server: Server) -> None:
    op = asked(server, "textDocument/hover", f"{HEAD}  - {{op: Con|v2d, out_channels: 8, kernel_size: 3}}\n")
    assert reference("Conv2d").summary in op["contents"]["value"]
    stride = next(argument for argument in reference("Conv2d").arguments if argument.name == "stride")
    found = asked(
        server, "textDocument/hover", f"{HEAD}  - {{op: Conv2d, out_channels: 8, kernel_size: 3, str|ide: 2}}\n"
    )
    assert stride.description in found["contents"]["value"]
    assert "Default: 1." in found["contents"]["value"]


def test_arguments_ops_and_values_are_completed(server: Server) -> None:
    assert {"Conv2d", "ConvTranspose2d", "add"} <= completed(server, f"{HEAD}  - {{op: Co|}}\n")
    block = completed(server, f"{HEAD}  - op: Conv2d\n    |\n")
    flow = completed(server, f"{HEAD}  - {{op: Conv2d, k|}}\n")
    arguments = {argument.name for argument in reference("Conv2d").arguments}
    assert arguments <= block
    assert arguments <= flow
    assert "zeros" in completed(server, f"{HEAD}  - op: Conv2d\n    padding_mode: |\n")


RECIPE = "recipe: 1\nname: t\nnetwork: lenet5\ndata: {dataset: MNIST}\nbatch_size: 8\nepochs: 1\nmetrics: [accuracy]\n"


def test_recipes_have_a_schema_too(recipes: Server) -> None:
    assert recipes.opened(f"{RECIPE}optimizer: {{op: SGD, lr: 0.1}}\n")[1] == []
    assert recipes.opened(f"{RECIPE}optimizer: {{op: SGD, lr: no}}\n")[1]
    assert {"lr", "momentum"} <= completed(recipes, f"{RECIPE}optimizer:\n  op: SGD\n  |\n")
