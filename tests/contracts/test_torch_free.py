"""The front half of the project runs without torch; the commands that look at specs stay in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: Importing these is what the promise forbids.
HEAVY = ("torch", "torchvision", "lightning", "matplotlib", "numpy", "safetensors", "onnx")

FRONT = [
    "import speczoo.specs.spec, speczoo.specs.expression, speczoo.specs.document, speczoo.specs.render",
    "import speczoo.compiler.compile, speczoo.compiler.layers",
    "import speczoo.compiler.emit.python, speczoo.compiler.emit.summary",
    "import speczoo; speczoo.list_models()",
    "from speczoo.__main__ import cli; cli(['import', '--help'], standalone_mode=False)",
    "import speczoo.importing.sources.formats, speczoo.embedded, speczoo.exporting",
    "from speczoo.__main__ import cli; cli(['export', '--help'], standalone_mode=False)",
    "import speczoo.editor.server, speczoo.editor.preview",
    "import speczoo; speczoo.summary('resnet18')",
    "import speczoo; speczoo.check('mnist_cnn')",
    "import speczoo; speczoo.source('mnist_resnet')",
    "import speczoo; speczoo.fingerprint('mnist_resnet')",
    "import speczoo; speczoo.diff('mnist_resnet', 'mnist_plain9')",
    "from speczoo.__main__ import cli; cli(['diff', 'mnist_cnn', 'mnist_resnet'], standalone_mode=False)",
    "from speczoo.__main__ import cli; cli(['show', 'resnet18', '--resolved'], standalone_mode=False)",
    "import speczoo; list(speczoo.sweep('mnist_resnet', num_classes=[2, 3]))",
    "import speczoo; speczoo.summary('unet_resnet34').to_json()",
    "from speczoo.__main__ import cli; cli(['list'], standalone_mode=False)",
    "from speczoo.__main__ import cli; cli(['show', 'resnet18'], standalone_mode=False)",
    "from speczoo.__main__ import cli; cli(['summary', 'mnist_cnn', '--json'], standalone_mode=False)",
    "from speczoo.__main__ import cli; cli(['source', 'mnist_cnn'], standalone_mode=False)",
]


def imported(code: str) -> list[str]:
    """The heavy modules that a fresh process has after this code."""
    reported = f"\nimport sys; sys.stderr.write(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + reported], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.split()


def test_the_front_half_imports_no_torch() -> None:
    assert imported("\n".join(FRONT)) == []


@pytest.mark.slow
@pytest.mark.parametrize("code", FRONT)
def test_no_part_of_it_does(code: str) -> None:
    assert imported(code) == []


def test_an_import_of_torch_would_be_noticed(tmp_path: Path) -> None:
    """Of one that is there in a moment: what is seen is its name."""
    (tmp_path / "torch.py").write_text("")
    assert imported(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import torch") == ["torch"]
