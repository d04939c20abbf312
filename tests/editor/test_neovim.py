"""A real editor: Neovim, where it is installed, with what the page says that it needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.editor.texts import NET, found

PAGE = Path(__file__).parents[2] / "zoo" / "editor" / "README.md"
#: Before 0.8 there was no `vim.lsp.start`.
OLD = """
vim.lsp.start = vim.lsp.start or function(config)
  vim.lsp.buf_attach_client(0, vim.lsp.start_client(config))
end
"""
ASK = """
vim.wait(2^30, function() return #vim.diagnostic.get(0) > 0 end, 20)
local out = { diagnostics = {} }
for _, d in ipairs(vim.diagnostic.get(0)) do
  table.insert(out.diagnostics, { d.lnum + 1, d.col + 1, d.message, d.code })
end
local at = { textDocument = vim.lsp.util.make_text_document_params(), position = { line = 9, character = 24 } }
for _, method in ipairs({ "hover", "completion", "documentSymbol", "codeLens", "definition" }) do
  for _, answer in pairs(vim.lsp.buf_request_sync(0, "textDocument/" .. method, at, 2^30)) do
    out[method] = answer.result
  end
end
vim.fn.writefile({ vim.fn.json_encode(out) }, "out.json")
vim.cmd("qa!")
"""


def test_it_shows_what_is_wrong_and_answers(tmp_path: Path) -> None:
    nvim = shutil.which("nvim")
    if nvim is None:
        pytest.skip("neovim is not installed")
    (snippet,) = re.findall(r"^```lua\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    command = ", ".join(json.dumps(word) for word in (sys.executable, "-m", "speczoo", "lsp"))
    assert 'cmd = { "zoo", "lsp" }' in snippet
    (tmp_path / "init.lua").write_text(OLD + snippet.replace('"zoo", "lsp"', command), encoding="utf-8")
    (tmp_path / "ask.lua").write_text(ASK, encoding="utf-8")
    text = NET.replace("kernel_size: 3, padding: 1}\n  - {for", "kernal_size: 3, padding: 1}\n  - {for")
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8")
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    words = [nvim, "--headless", "-n", "-u", "init.lua", "net.yaml", "-c", "luafile ask.lua"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    out = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    expected = [(d.span.line, d.span.column, d.message, d.code) for d in found(text).diagnostics if d.span is not None]
    assert [tuple(each) for each in out["diagnostics"]] == expected, done.stderr
    assert "**Conv2d**" in out["hover"]["contents"]["value"]
    assert "Conv2d" in {item["label"] for item in out["completion"]["items"]}
    assert [part["name"] for part in out["documentSymbol"]][:3] == ["spec", "name", "input"]
    assert out["codeLens"]
    assert out["definition"]
