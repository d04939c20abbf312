"""The documents' listings, written by hand in plain torch: what the specs are held to, independent of the compiler."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# -- documents 000, 001 and 002 ---------------------------------------------------------------------------------------


def conv(ni: int, nf: int) -> nn.Conv2d:
    return nn.Conv2d(ni, nf, kernel_size=3, stride=2, padding=1)


def mnist_cnn() -> nn.Module:
    widths = [1, 8, 16, 32, 16, 10]
    layers: list[nn.Module] = []
    for ni, nf in zip(widths, widths[1:], strict=False):
        layers += [conv(ni, nf), nn.BatchNorm2d(nf), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Flatten())


def conv_layer(ni: int, nf: int, stride: int = 1) -> nn.Module:
    """fastai 1.0.36 to 1.0.60: `norm_type` is Batch, so that `bias` is False; the batch norm is torch's as it is."""
    layer = nn.Conv2d(ni, nf, kernel_size=3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(layer.weight)
    return nn.Sequential(layer, nn.ReLU(inplace=True), nn.BatchNorm2d(nf))


class ResBlock(nn.Module):
    """`res_block`, whose SequentialEx keeps its input and whose MergeLayer adds it or concatenates it."""

    def __init__(self, nf: int, dense: bool = False, bottle: bool = False) -> None:
        super().__init__()
        inner = nf // 2 if bottle else nf
        self.conv1, self.conv2, self.dense = conv_layer(nf, inner), conv_layer(inner, nf), dense

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(self.conv1(x))
        return torch.cat([out, x], dim=1) if self.dense else out + x


def mnist(extra: int = 0, block: Callable[[int], nn.Module] | None = None, growth: int = 1) -> nn.Module:
    """`conv2`, so many convolutions of stride 1 or a block behind it, and so on. A block widens by `growth`."""
    layers: list[nn.Module] = []
    ni = 1
    for nf in (8, 16, 32, 16):
        layers += [conv_layer(ni, nf, stride=2), *(conv_layer(nf, nf) for _ in range(extra))]
        if block:
            layers.append(block(nf))
        ni = nf * growth
    return nn.Sequential(*layers, conv_layer(ni, 10, stride=2), nn.Flatten())


# -- document 004 -----------------------------------------------------------------------------------------------------


class FirstNet(nn.Module):
    """The first listing of LeNet, with the padding of its text, or of what it prints."""

    def __init__(self, padding: int = 0, dropout: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5, stride=1, padding=padding)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5, stride=1, padding=padding)
        self.fc1 = nn.Linear(5 * 5 * 16, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), kernel_size=2, stride=2)
        x = F.max_pool2d(F.relu(self.conv2(x)), kernel_size=2, stride=2)
        x = x.reshape(x.size(0), -1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        if self.dropout:
            x = F.dropout(x, training=self.training)
        out: Tensor = self.fc3(x)
        return out


class SecondNet(nn.Module):
    """The second listing, its commented batch norms taken in or not."""

    def __init__(self, batch_norm: bool = False) -> None:
        super().__init__()
        for n, (ni, nf) in enumerate([(1, 6), (6, 16)], 1):
            norm = [nn.BatchNorm2d(nf)] if batch_norm else []
            pool = nn.MaxPool2d(kernel_size=2, stride=2)
            setattr(self, f"conv_pool{n}", nn.Sequential(nn.Conv2d(ni, nf, kernel_size=5), *norm, nn.ReLU(), pool))
        self.fc1 = nn.Sequential(nn.Linear(16 * 5 * 5, 120), nn.ReLU())
        self.fc2 = nn.Sequential(nn.Linear(120, 84), nn.ReLU())
        self.out = nn.Sequential(nn.Linear(84, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_pool2(self.conv_pool1(x))
        out: Tensor = self.out(self.fc2(self.fc1(x.view(x.size(0), -1))))
        return out


def linear_classifier() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 100), nn.ReLU(), nn.Linear(100, 10))


def autoencoder() -> nn.Module:
    coder = [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 32)]
    decoder = [nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid()]
    return nn.Sequential(nn.Flatten(), *coder, *decoder, nn.Unflatten(1, (1, 28, 28)))


# -- the U-Net of the course behind 000, 001 and 002 ------------------------------------------------------------------


def dynamic_unet_parts(encoder: int, classes: int) -> int:
    """Parameters of fastai's DynamicUnet on a ResNet-34 of so many, at 3x256x256, as `unet_learner` makes it: its
    convolutions have a bias and neither batch norm nor weight norm."""

    def layers(*sizes: tuple[int, int, int]) -> list[nn.Module]:
        return [nn.Conv2d(ni, nf, kernel_size) for ni, nf, kernel_size in sizes]

    parts: list[nn.Module] = [nn.BatchNorm2d(512), *layers((512, 1024, 3), (1024, 512, 3))]
    up = 512
    for skip, last in ((256, False), (128, False), (64, False), (64, True)):
        ni = up // 2 + skip  # a pixel shuffle to half the channels, the skip beside it, two convolutions
        nf = ni // 2 if last else ni
        parts += [*layers((up, up // 2 * 4, 1)), nn.BatchNorm2d(skip), *layers((ni, nf, 3), (nf, nf, 3))]
        up = nf
    parts += layers((up, up * 4, 1))
    up += 3  # the input beside it, a residual block, the classes
    parts += layers((up, up, 3), (up, up, 3), (up, classes, 1))
    return encoder + sum(p.numel() for part in parts for p in part.parameters())
