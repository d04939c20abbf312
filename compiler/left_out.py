"""The modules of torch.nn that are no ops, and why: help where a spec names one, and a table of specs/README.md."""

from __future__ import annotations

from collections.abc import Mapping


def _by_name(names: dict[str, str]) -> Mapping[str, str]:
    return {name: why for why, several in names.items() for name in several.split()}


#: By torch's name, why it is none, and what is there instead.
LEFT_OUT = _by_name(
    {
        "a loss: a recipe names it, or your own training loop": (
            "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss HingeEmbeddingLoss "
            "HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss MultiLabelMarginLoss "
            "MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss SoftMarginLoss "
            "TripletMarginLoss TripletMarginWithDistanceLoss"
        ),
        "needs the targets to run: a loss with weights of its own": "AdaptiveLogSoftmaxWithLoss",
        "sizes follow from the input anyway: write its name without `Lazy`": (
            "LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d "
            "LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d "
            "LazyLinear"
        ),
        "a list, a group or a block of the spec is that": "Sequential ModuleList ModuleDict Container",
        "write an entry `Parameter` for each": "ParameterList ParameterDict",
        "a base of others, that computes nothing": "Module RNNBase RNNCellBase",
        "about devices: wrap what `zoo build` gives": "DataParallel",
        "write `BatchNorm2d`; `nn.SyncBatchNorm.convert_sync_batchnorm` makes it of a built network's": "SyncBatchNorm",
        "draws its windows at random when evaluated, too: no function of its input": (
            "FractionalMaxPool2d FractionalMaxPool3d"
        ),
        "`LocalResponseNorm` computes the same": "CrossMapLRN2d",
        "write its layers: `{for: {i: 0..5}, id: layers.$i, op: TransformerEncoderLayer, nhead: 8}`": (
            "Transformer TransformerEncoder TransformerDecoder"
        ),
    }
)
