"""What ops and arguments are called in Keras, TensorFlow, JAX (flax, haiku), MXNet, Caffe, ONNX and Darknet.

A synonym means the same thing with the same values, and may be put in place. What only resembles it (another number of
dimensions, another convention, another default that matters) is asked about, or the way it is done here is shown.
Words are written as `suggestions.spelling` gives them: lower case, no separators.
"""

from __future__ import annotations


def _by_word(words: dict[str, str]) -> dict[str, str]:
    return {word: name for name, several in words.items() for word in several.split()}


#: Another name of the same op.
OPS = _by_word(
    {
        "Linear": "dense fc fullyconnected innerproduct connected",
        "Conv1d": "convolution1d convolutional1d",
        "Conv2d": "convolution2d convolutional convolutional2d",
        "Conv3d": "convolution3d convolutional3d",
        "ConvTranspose1d": "conv1dtranspose deconv1d deconvolution1d convolution1dtranspose transposedconv1d",
        "ConvTranspose2d": "conv2dtranspose deconv2d deconvolution2d convolution2dtranspose transposedconv2d",
        "ConvTranspose3d": "conv3dtranspose deconv3d deconvolution3d convolution3dtranspose transposedconv3d",
        "BatchNorm1d": "batchnormalization1d",
        "BatchNorm2d": "batchnormalization2d",
        "BatchNorm3d": "batchnormalization3d",
        "LayerNorm": "layernormalization ln",
        "GroupNorm": "groupnormalization gn",
        "RMSNorm": "rmsnormalization",
        "LocalResponseNorm": "lrn localresponsenormalization",
        "MaxPool1d": "maxpooling1d",
        "MaxPool2d": "maxpooling2d",
        "MaxPool3d": "maxpooling3d",
        "AvgPool1d": "averagepooling1d averagepool1d avgpooling1d",
        "AvgPool2d": "averagepooling2d averagepool2d avgpooling2d",
        "AvgPool3d": "averagepooling3d averagepool3d avgpooling3d",
        "Dropout1d": "spatialdropout1d",
        "Dropout2d": "spatialdropout2d",
        "Dropout3d": "spatialdropout3d",
        "StochasticDepth": "droppath",
        "ZeroPad1d": "zeropadding1d",
        "ZeroPad2d": "zeropadding2d",
        "ZeroPad3d": "zeropadding3d",
        "SiLU": "swish",
        "LeakyReLU": "lrelu",
        "Hardswish": "hswish",
        "Hardsigmoid": "hsigmoid",
        "Sigmoid": "logistic",
        "Embedding": "embed",
        "RNN": "simplernn",
        "RNNCell": "simplernncell",
        "concat": "cat concatenate",
        "add": "plus",
        "sub": "subtract",
        "mul": "multiply",
        "div": "divide",
        "pow": "power",
        "square": "sqr",
        "neg": "negative negate",
        "clamp": "clip clipbyvalue",
        "atan": "arctan",
        "eq": "equal",
        "ne": "notequal neq",
        "lt": "less lessthan",
        "le": "lessequal lessorequal lte",
        "gt": "greater greaterthan",
        "ge": "greaterequal greaterorequal gte",
        "mean": "reducemean",
        "sum": "reducesum",
        "prod": "reduceprod",
        "amax": "reducemax",
        "amin": "reducemin",
        "logsumexp": "reducelogsumexp",
        "reshape": "view",
        "unsqueeze": "expanddims",
        "matmul": "bmm batchmatmul",
        "expand": "broadcastto",
        "unbind": "unstack",
        "slice": "stridedslice",
        "transpose": "swapaxes swapdims",
        "scaled_dot_product_attention": "sdpa dotproductattention",
    }
)

#: A name of something near, or of one of several ops.
OPS_ASKED = _by_word(
    {
        "Linear": "lin affine gemm projection densegeneral",
        "Conv2d": "conv convolution convlocal",  # which is an op as well, of weights that flow in
        "ConvTranspose2d": "deconv deconvolution convtranspose transposedconv upconv",
        "BatchNorm2d": "bn batchnorm batchnormalization syncbatchnorm",
        "InstanceNorm2d": "instancenorm instancenormalization",
        "MaxPool2d": "pool pooling maxpool maxpooling",
        "MaxUnpool1d": "unpool1d unpooling1d",
        "MaxUnpool2d": "maxunpool unpool unpool2d unpooling2d",
        "MaxUnpool3d": "unpool3d unpooling3d",
        "AvgPool2d": "avgpool averagepool avgpooling averagepooling",
        "AdaptiveAvgPool2d": (
            "gap globalaveragepooling globalaveragepooling2d globalavgpool globalavgpool2d globalaveragepool"
        ),
        "AdaptiveMaxPool2d": "globalmaxpooling globalmaxpooling2d globalmaxpool globalmaxpool2d",
        "LeakyReLU": "leaky",
        "MultiheadAttention": "attention selfattention multiheaddotproductattention additiveattention",
        "Upsample": "upsampling upsampling2d upsampling1d upsampling3d",
        "interpolate": "resize",
        "PixelShuffle": "depthtospace subpixel",
        "PixelUnshuffle": "spacetodepth",
        "normalize": "l2normalize l2normalization unitnormalization lpnormalization",
        "norm": "reducel2 reducel1 reduceeuclideannorm",
        "add": "eltwise shortcut addn accumulate",
        "concat": "route merge",
        "matmul": "dot",
        "narrow": "dynamicslice",
        "sliding_window": "frame slidingwindowview",
        "permute": "permutedims",
    }
)

_BOTH_WAYS = "`bidirectional: true` of `LSTM`, `GRU` or `RNN` goes both ways"
_OWN_LAYER = "it is not in the language: `--plugin` brings a layer of your own"
_GREATEST = "`amax` is the greatest over an axis, `maximum` the greater of two values, `argmax` says where it stands"
_SMALLEST = "`amin` is the smallest over an axis, `minimum` the smaller of two values, `argmin` says where it stands"
_BY_N = "`std` and `var` divide by n - 1; with `correction: 0` by n, as is done there"
_DEPTHWISE = "a convolution with `groups: $in_channels` takes each channel by itself"
_SEPARABLE = "it is two here: a convolution with `groups: $in_channels`, and one of `kernel_size: 1` behind it"
#: How it is done here, of what no op is.
OPS_ELSEWHERE = {
    **dict.fromkeys(("depthwiseconv1d", "depthwiseconv2d", "depthwiseconv3d", "depthwiseconvolution"), _DEPTHWISE),
    **dict.fromkeys(("separableconv1d", "separableconv2d", "separableconvolution2d", "separableconv"), _SEPARABLE),
    "bidirectional": _BOTH_WAYS,
    **dict.fromkeys(("cast", "astype", "to"), "`float`, `long` and `bool` give the same numbers as another kind"),
    **dict.fromkeys(("timedistributed",), "layers such as `Linear` work on the last axis, whatever stands before it"),
    "max": _GREATEST,
    "min": _SMALLEST,
    **dict.fromkeys(("gather",), _OWN_LAYER),
    **dict.fromkeys(("reducestd", "reducevariance", "variance", "stddev"), _BY_N),
    **dict.fromkeys(("tile",), "`repeat` has a number for each axis but the batch: `{op: repeat, repeats: [1, 2, 2]}`"),
    **dict.fromkeys(("padding",), "`pad` and `ZeroPad2d` put numbers around, `ReflectionPad2d` what is there"),
    **dict.fromkeys(("activation",), "an activation is an entry of its own: `- {op: ReLU}`"),
}

_IMAGES = "a recipe normalises images, under `transforms`; `normalize` divides by a norm"
_TANH = "it is `{op: GELU, approximate: tanh}` unless `approximate` is false there"
#: Words that are ours by their spelling, and another thing, or the same with another default, where they come from; as
#: they are written there, with the library before them.
HOMONYMS = {
    "normalize": _IMAGES,
    **dict.fromkeys(("transforms.normalize", "t.normalize"), _IMAGES),
    **dict.fromkeys(("jax.nn.gelu", "flax.linen.gelu", "linen.gelu", "nnx.gelu"), _TANH),
    "tf.transpose": "it is `permute` here, which has the batch first: `dims: [0, 2, 1]`",
    "tf.split": "it is `chunk` here, into so many parts; `split` has their sizes",
    "tf.repeat": "it is `repeat_interleave` here; `repeat` puts the whole of it behind itself",
    "tf.slice": "it is `narrow` here, by `start` and `length`; `slice` has `start` and `stop`",
    "tf.pad": "`pad` is torch's list here, the last axis first: left, right, top, bottom",
}

#: Initialisers by the names of their authors, and of other libraries, whose defaults may differ: asked about.
INITIALISERS = _by_word(
    {
        "kaiming_normal": "he henormal msra msraprelu",
        "kaiming_uniform": "heuniform",
        "xavier_normal": "glorotnormal",
        "xavier_uniform": "xavier glorot glorotuniform",
        "normal": "gaussian randomnormal",
        "uniform": "randomuniform",
        "trunc_normal": "truncatednormal",
        "constant": "const fill",
        "eye": "identity",
    }
)

#: Another name of the same argument, taking the same values.
ARGUMENTS = {
    "stride": "strides",
    "bias": "usebias withbias biasterm",
    "groups": "group numgroup featuregroupcount",
    "dilation": "dilations dilationrate kerneldilation",
    "out_channels": "filters numfilters numfilter nbfilter outputchannels numoutput outplanes features",
    "out_features": "units numunits numhidden numoutput outputdim outputsize outputfeatures features",
    "kernel_size": "kernel kernelshape ksize poolsize windowshape filtersize",
    "p": "rate droprate dropprob dropoutrate dropoutratio dropoutprob",
    "eps": "epsilon",
    "negative_slope": "alpha slope",
    "embedding_dim": "outputdim embeddim",
    "num_embeddings": "inputdim vocabsize numtokens",
    "num_groups": "groups numgroup ngroups",
    "hidden_size": "units hiddendim",
    "num_heads": "heads nheads nhead numattentionheads",
    "embed_dim": "dmodel embeddingdim",
    "mask": "attnmask attentionmask",
    "key_padding_mask": "srckeypaddingmask",
    "is_causal": "causal usecausalmask",
    "dropout_p": "attndropout attentiondropout",
    "enable_gqa": "gqa",
    "keepdim": "keepdims",
    "lambd": "lambda",
    "shape": "targetshape newshape",
    "size": "localsize nsize",
    "k": "knorm",
}

#: A name of something near, or of one of several arguments.
ARGUMENTS_ASKED = {
    "stride": "step subsample",
    "padding": "border bordermode pad pads",
    "dilation": "rate",
    "output_size": "size outsize",
    "size": "n",
    "out_channels": "filter channels planes width out depth",
    "out_features": "size neurons out dim",
    "kernel_size": "size k window",
    "p": "prob probability dropout ratio",
    "embedding_dim": "dim size features dmodel",
    "num_embeddings": "vocab words",
    "upscale_factor": "factor scale upscale blocksize",
    "downscale_factor": "factor scale downscale blocksize",
    "scale_factor": "factor scale",
    "dim": "axis",
    "dims": "axes perm",
}

_CHOSEN = "the device and type of a network are chosen when it is built"
_OWN = "an activation is an entry of its own: `- {op: ReLU}`"
_KEPT = "`p` is the share that is dropped: 1 - what is kept"
_DECAY = "torch's `momentum` is the weight of the new value: 1 - the decay"
#: How it is written here, of what is no argument: the argument that it needs, or none, and the help.
ARGUMENTS_ELSEWHERE: dict[str, tuple[str | None, str]] = {
    "device": (None, _CHOSEN),
    "dtype": (None, _CHOSEN),
    "activation": (None, _OWN),
    "act": (None, _OWN),
    "nonlinearity": (None, _OWN),
    "actcfg": (None, _OWN),
    "actlayer": (None, _OWN),
    "normcfg": (None, "a norm is an entry of its own: `- {op: BatchNorm2d}`"),
    "normlayer": (None, "a norm is an entry of its own: `- {op: BatchNorm2d}`"),
    "nobias": ("bias", "`bias` is its opposite: `bias: false` is without one"),
    "keepprob": ("p", _KEPT),
    "survivalprob": ("p", _KEPT),
    "decay": ("momentum", _DECAY),
    "decayrate": ("momentum", _DECAY),
    "movingaveragefraction": ("momentum", _DECAY),
    "countexcludepad": ("count_include_pad", "`count_include_pad` is its opposite"),
    "excludepad": ("count_include_pad", "`count_include_pad` is its opposite"),
    "exclusive": ("count_include_pad", "`count_include_pad` is its opposite"),
    "depthradius": ("size", "`size` is the whole window: 2 * depth_radius + 1"),
}
