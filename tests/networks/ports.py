"""Networks of other people's code, as one writes them by hand in PyTorch: what the zoo's specs of them are held to.

Names of members are those of the code that a spec names as its source, so that its checkpoints load.
"""

from __future__ import annotations

from torch import Tensor, nn


class Generator(nn.Module):
    """DCGAN's, after PyTorch's example."""

    def __init__(self, width: int = 64, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inner = 100
        for factor, stride, padding in ((8, 1, 0), (4, 2, 1), (2, 2, 1), (1, 2, 1)):
            layers.append(nn.ConvTranspose2d(inner, factor * width, 4, stride, padding, bias=False))
            inner = factor * width
            layers += [nn.BatchNorm2d(inner), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(inner, channels, 4, 2, 1, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, noise: Tensor) -> Tensor:
        image: Tensor = self.main(noise)
        return image


class Discriminator(nn.Module):
    """DCGAN's, after PyTorch's example."""

    def __init__(self, width: int = 64, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
        for factor in (1, 2, 4):
            layers.append(nn.Conv2d(factor * width, 2 * factor * width, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(2 * factor * width), nn.LeakyReLU(0.2, True)]
        layers += [nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False), nn.Sigmoid()]
        self.main = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        real: Tensor = self.main(image)
        return real.view(-1, 1)
