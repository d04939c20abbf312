"""torchvision's transformers over windows and over clips, at sizes that are quick, odd and not square: what theirs
compute, ours do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import speczoo
from tests.networks.shared import models, outputs

swins, clips = models.swin_transformer, models.video
DEPTHS, HEADS = [2, 2, 2, 2], [1, 2, 2, 4]


def swin(**more: Any) -> nn.Module:
    model: nn.Module = swins.SwinTransformer([4, 4], 8, DEPTHS, HEADS, [4, 4], num_classes=5, **more)
    return model


def swin_v2() -> nn.Module:
    return swin(block=swins.SwinTransformerBlockV2, downsample_layer=swins.PatchMergingV2)


def swin3d() -> nn.Module:
    model: nn.Module = clips.SwinTransformer3d([2, 4, 4], 8, DEPTHS, HEADS, [2, 4, 4], num_classes=5)
    return model


def maxvit() -> nn.Module:
    model: nn.Module = models.MaxVit((64, 64), 8, 2, [8, 16, 16, 32], [1, 1, 2, 1], 8, 0.2, num_classes=5)
    return model


def mvit(second: bool) -> nn.Module:
    """Two blocks in the later stages, whose last, or first, has twice the features."""
    settings = []
    for stage, (depth, heads) in enumerate(zip([1, 2, 2, 2], [1, 2, 4, 8], strict=True)):
        for i in range(depth):
            stride, width = [1, 2, 2] if i == 0 and stage else [1, 1, 1], 8 * heads
            last = i == depth - 1 and stage < 3
            into = width // 2 if second and i == 0 and stage else width
            kernel = [3, 3, 3] if second or stride[1] > 1 else []
            setting = clips.mvit.MSBlockConfig(
                num_heads=heads, input_channels=into, output_channels=width if second or not last else 2 * width,
                kernel_q=kernel, kernel_kv=[3, 3, 3], stride_q=stride if kernel else [],
                stride_kv=[1, 2 ** (3 - stage), 2 ** (3 - stage)],
            )  # fmt: skip
            settings.append(setting)
    model: nn.Module = clips.MViT(
        (64, 64), 4, settings, residual_pool=second, residual_with_cls_embed=False, rel_pos_embed=second,
        proj_after_attn=second, stochastic_depth_prob=0.2, num_classes=5,
    )  # fmt: skip
    return model


WINDOWS: dict[str, Any] = {"dim": 8, "depths": DEPTHS, "heads": HEADS}
MVIT: dict[str, Any] = {"dim": 8, "depths": [1, 2, 2, 2]}
SMALL: list[tuple[str, Callable[[], nn.Module], list[int], dict[str, Any]]] = [
    ("swin_t", swin, [3, 72, 100], {**WINDOWS, "window": 4}),
    ("swin_v2_t", swin_v2, [3, 72, 100], {**WINDOWS, "window": 4}),
    ("swin3d_t", swin3d, [3, 7, 42, 66], {**WINDOWS, "window": [2, 4, 4]}),
    ("swin3d_t", swin3d, [3, 2, 66, 42], {**WINDOWS, "window": [2, 4, 4]}),  # a single frame of patches
    ("maxvit_t", maxvit, [3, 64, 64],
     {"stem": 8, "widths": [8, 16, 16, 32], "depths": [1, 1, 2, 1], "head_features": 8, "window": 2}),
    ("mvit_v1_b", lambda: mvit(False), [3, 4, 64, 64], MVIT),
    ("mvit_v2_s", lambda: mvit(True), [3, 4, 64, 64], MVIT),
]  # fmt: skip


@pytest.mark.parametrize(("name", "theirs", "shape", "params"), SMALL, ids=[f"{row[0]}-{row[2]}" for row in SMALL])
def test_the_same_outputs(name: str, theirs: Callable[[], nn.Module], shape: list[int], params: dict[str, Any]) -> None:
    torch.manual_seed(0)
    reference = theirs().eval()
    fixed = {key for key, _ in reference.named_buffers() if "relative" in key}
    state = {
        key: value if key in fixed or not value.is_floating_point() else torch.rand_like(value) + 0.1
        for key, value in reference.state_dict().items()
    }
    reference.load_state_dict(state)
    ours = speczoo.build(name, input=shape, num_classes=5, **params).eval()
    computed = {key: value for key, value in ours.state_dict().items() if key in fixed}
    assert len(computed) == len(fixed)
    assert all(torch.allclose(value, state[key], atol=1e-6) for key, value in computed.items())
    ours.load_state_dict(state)
    x = torch.randn(2, *shape)
    with torch.no_grad():
        (a,), (b,) = outputs(ours(x)), outputs(reference(x))
    assert (a - b).abs().max() <= 1e-5 * b.abs().max()
