"""What people do in code besides calling one layer after the other, a model for each."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm


class Normed(nn.Module):
    """Weights that are computed, by the norms that torch has now and had before."""

    def __init__(self, norms: Any) -> None:
        super().__init__()
        first, second, third = norms
        self.a = first(nn.Conv1d(4, 6, 3, padding=1))
        self.b = second(nn.ConvTranspose1d(6, 4, 3, padding=1, bias=False))
        self.c = nn.Sequential(third(nn.Linear(9, 5)), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.c(self.b(self.a(x).relu()))
        return out


class Twice(nn.Module):
    """A module that is registered under two names, one that is never called, and statistics that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 1)
        self.net = nn.Sequential(self.conv, nn.ReLU())
        self.aux = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
        self.token = nn.Parameter(torch.ones(1, 1, 4))
        self.register_buffer("counted", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


class States(nn.Module):
    """An LSTM from zeros that somebody made, which it starts from anyway; what it ends with, squeezed."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, 2, batch_first=True)
        self.head = nn.Linear(12, 1)

    def forward(self, x: Tensor) -> Tensor:
        states = [torch.zeros(2, x.size(0), 6).to(x.device) for _ in range(2)]
        _, (hidden, _) = self.lstm(x, (states[0], states[1]))
        out: Tensor = self.head(torch.cat((hidden[-2], hidden[-1]), 1).squeeze(0))
        return out.squeeze()


class Labelled(nn.Module):
    """A label and a time for each sample, numbers by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.label = nn.Embedding(5, 8)
        self.net = nn.Linear(16, 4)

    def forward(self, label: Tensor, time: Tensor) -> dict[str, Tensor]:
        rates = torch.exp(torch.arange(4) * -(math.log(10_000) / 3))
        angles = time[:, None] * rates[None]
        hidden = torch.cat([self.label(label), angles.sin(), angles.cos()], 1)
        logits: Tensor = self.net(hidden)
        return {"logits": logits, "kind": logits.argmax(1)}


class Places(nn.Module):
    """Sines and cosines of places, of which the first are taken; a bias by distance; a table that nothing tells."""

    def __init__(self) -> None:
        super().__init__()
        table = torch.zeros(50, 8)
        angles = torch.arange(50.0)[:, None] * torch.exp(torch.arange(0, 8, 2) * (-math.log(10_000.0) / 8))
        table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
        self.register_buffer("pe", table[None])
        self.register_buffer("drawn", torch.randn(300))
        self.bias = nn.Embedding(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pe[:, : x.size(1)]
        far = (torch.arange(8)[None] - torch.arange(8)[:, None]).abs()
        near = torch.where(far < 2, far, (far.float().log() / math.log(8) * 3).long().clamp(max=3))
        return x @ (self.bias(near).squeeze(-1) + self.drawn[:8])


class Latents(nn.Module):
    """One set of vectors for all samples, which look at each in turn, its heads in the batch axis."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(5, 8))
        self.q = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        q = self.q(self.latents.unsqueeze(0).repeat(x.size(0), 1, 1))
        q, k = (t.reshape(len(x), -1, 2, 4).transpose(1, 2).reshape(len(x) * 2, -1, 4) for t in (q, x))
        visited = (q @ k.transpose(1, 2) / math.sqrt(4)).softmax(-1) @ k
        return visited.reshape(len(x), 2, 5, 4).flatten(1)


class Scores(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv(x), 0.2).view(-1)


class Sublayer(nn.Module):
    """A residual around a function that is given to it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor, sublayer: Any) -> Tensor:
        out: Tensor = x + sublayer(self.norm(x))
        return out


class Given(nn.Module):
    """Modules that another one calls, as a function that it was given; masks that are asked for what they are not."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.ModuleList([nn.Linear(8, 8) for _ in range(2)])
        self.sublayers = nn.ModuleList([Sublayer() for _ in range(2)])
        self.feed = nn.Linear(8, 8)

    def attend(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k = (linear(x) for linear in self.attention)
        return (q @ k.mT / math.sqrt(8)).masked_fill(mask == 0, -1e9).softmax(-1) @ x

    def forward(self, x: Tensor) -> Tensor:
        mask = (x[..., 0] > 0)[:, None]
        x = self.sublayers[0](x, lambda y: self.attend(y, mask))
        out: Tensor = self.sublayers[1](x, self.feed)
        return out


class Steered(nn.Module):
    """An image read at the points of a grid that it is asked for, and its largest values put back in their places."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Linear(64, 6)

    def forward(self, x: Tensor) -> Tensor:
        grid = F.affine_grid(self.theta(x.flatten(1)).view(-1, 2, 3), list(x.size()), align_corners=False)
        x = F.grid_sample(x, grid, align_corners=False)
        x, places = F.max_pool2d(x, 2, 2, return_indices=True)
        return F.max_unpool2d(x, places, 2, 2)


class Frames(nn.Module):
    """Frames of a clip as samples of their own, a product with one matrix, lengths, and tokens before samples."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.layer = nn.TransformerEncoderLayer(8, 2, 8, dropout=0.0)
        self.weight = nn.Parameter(torch.randn(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        b, t = x.shape[:2]
        out = self.cnn(x.reshape(b * t, *x.shape[2:])).view(b, t, -1)
        last: Tensor = self.layer(out.permute(1, 0, 2))[-1] @ self.weight
        pairs = torch.matmul(last[:, :, None, None], out[:, None, :1, :])
        return pairs.norm(dim=-1).squeeze(-1)


class Masked(nn.Conv2d):
    """A convolution that puts a mask over its weight whenever it runs."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__(i, o, 5, padding=2)
        self.register_buffer("mask", torch.ones_like(self.weight))
        self.mask[:, :, 2, 3:] = 0
        self.mask[:, :, 3:] = 0

    def forward(self, x: Tensor) -> Tensor:
        self.weight.data *= self.mask
        return super().forward(x)


class Steps(nn.Module):
    """A cell that runs step by step, and knots that values lie between."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(1, 4)
        self.register_buffer("knots", (torch.arange(-2, 5) * 0.5).expand(4, -1).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(len(x), 4)
        c = torch.zeros_like(h)
        for each in x.split(1, dim=1):
            h, c = self.cell(each, (h, c))
        between = (h[..., None] >= self.knots[:, :-1]) & (h[..., None] < self.knots[:, 1:])
        return between.to(x.dtype).flatten(1)


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(5, 12, 3, padding=1)

    def forward(self, x: Tensor, before: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        state, memory = before
        add, keep, new, out = self.conv(torch.cat([x, state], 1)).split(3, dim=1)
        memory = keep.sigmoid() * memory + add.sigmoid() * new.tanh()
        return out + memory.tanh(), memory


class Unrolled(nn.Module):
    """A cell of one's own step by step, whose two states are one tensor of zeros at first."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = Cell()

    def forward(self, x: Tensor) -> Tensor:
        state, memory = (torch.zeros(len(x), 3, x.shape[-1]),) * 2
        for step in range(x.shape[1]):
            state, memory = self.cell(x[:, step], (state, memory))
        return state


class Aligned(nn.Module):
    """Matrices that begin at one that changes nothing, once for each sample, and coordinates that are stretched."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix, self.conv = nn.Linear(3, 9), nn.Conv2d(5, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        matrix = self.matrix(x.mean((2, 3))).view(-1, 3, 3) + torch.eye(3).repeat(b, 1, 1)
        x = torch.bmm(matrix, x.flatten(2)).view_as(x)
        down = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(b, 1, h, w)
        along = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(b, 1, h, w)
        out: Tensor = self.conv(torch.cat([x, down, along], 1))
        return out


class Rotated(nn.Module):
    """Angles that are made anew from rates, by a function that the language has not."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(4, 4)
        self.register_buffer("rates", 1.0 / 10_000 ** (torch.arange(0, 4, 2) / 4), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        angles = torch.outer(torch.arange(x.shape[1]).float(), self.rates)
        angles = torch.cat((angles, angles), -1)
        x = self.net(x)
        return x * angles.cos() + torch.cat((-x[..., 2:], x[..., :2]), -1) * angles.sin()


class Squeezed(nn.Module):
    """Weights of channels that are stretched to a map, statistics with and without a correction, and the last place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        weights = self.fc(x.mean((2, 3))).sigmoid().view(x.size(0), x.size(1), 1, 1)
        x = x * weights.expand_as(x) + weights.expand(-1, -1, x.size(2), x.size(3))
        var, mean = torch.var_mean(x, 1, keepdim=True)
        spread = x.var(dim=1, unbiased=False, keepdim=True) + x.std((2, 3), False, True) + torch.std(x, 1, keepdim=True)
        return ((x - mean) / (var + spread + 1.0))[:, :, [-1], :]


def grid_of(rows: int, columns: int, size: int) -> Tensor:
    """Sines and cosines of the columns and rows of patches, as a ViT without learned places has them."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    frequencies = 10_000 ** -(torch.arange(size // 4) / (size // 4 - 1))
    across, down = x.flatten()[:, None] * frequencies, y.flatten()[:, None] * frequencies
    return torch.cat([across.sin(), across.cos(), down.sin(), down.cos()], 1)


class Patches(nn.Module):
    """Places of patches in a grid, with one of a class token before them, and of the places of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.register_buffer("table", torch.cat([torch.zeros(1, 16), grid_of(3, 5, 16)]))
        self.of_map = grid_of(3, 5, 16).T.reshape(16, 3, 5).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        tokens = (x + self.of_map).flatten(2).transpose(1, 2)
        return torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.table


class Tiled(nn.Module):
    """A learned map with a smaller one that is laid beside itself, where what stands for the samples stays one."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = nn.Parameter(torch.randn(1, 3, 2, 2))
        self.part = nn.Parameter(torch.randn(1, 3, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        places = F.interpolate(self.whole, size=(4, 6), mode="bicubic")
        return x + (places + self.part.tile((2, 2))).permute(0, 1, 2, 3)


class Scaled(nn.Module):
    """Numbers that differ, in blocks of which a later one has more layers."""

    def __init__(self, scale: float, more: bool = False) -> None:
        super().__init__()
        self.scale = scale
        self.first = nn.Linear(4, 4)
        self.last = nn.Linear(4, 4) if more else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last((self.first(x).tanh() * self.scale).softmax(-1))
        return out


class Nested(nn.Module):
    """Containers in containers, all of whose members are called one after the other."""

    def __init__(self) -> None:
        super().__init__()
        inner = nn.ModuleList([nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4)])
        self.stages = nn.ModuleDict({"first": nn.ModuleList([nn.Linear(4, 4), inner]), "last": nn.Linear(4, 4)})

    def forward(self, x: Tensor) -> Tensor:
        one, inner = self.stages["first"]
        x = one(x)
        for each in inner:
            x = each(x)
        out: Tensor = self.stages["last"](x)
        return out


class Regions(nn.Module):
    """Each window behind a token of its region: windows are samples by rows and columns, and regions all at once."""

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        regions = F.avg_pool2d(x, 2).flatten(2).transpose(1, 2).reshape(-1, 1, c)
        windows = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, c)
        return torch.cat([regions, windows], 1).softmax(1).view(n, -1, 5, c)


class Windows(nn.Module):
    """Convolutions of each place in windows that are samples meanwhile, as many as there are."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Conv2d(4, 6, 1)
        self.out = nn.Conv2d(6, 4, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        windows = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, 2, 2)
        made = self.out(self.q(windows).softmax(1)).view(n, h // 2, w // 2, c, 2, 2)
        return made.permute(0, 3, 1, 4, 2, 5).reshape(n, c, h, w)


class Detector(nn.Module):
    """Tables repeated over rows and columns, and queries once for each sample, tokens before samples."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.columns = (nn.Parameter(torch.rand(5, 4)) for _ in range(2))
        self.queries = nn.Parameter(torch.rand(3, 8))
        self.layer = nn.TransformerDecoderLayer(8, 2, 8)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        columns, rows = self.columns[:w].unsqueeze(0), self.rows[:h].unsqueeze(1)
        places = torch.cat([columns.repeat(h, 1, 1), rows.repeat(1, w, 1)], -1).flatten(0, 1).unsqueeze(1)
        memory = places + x.flatten(2).permute(2, 0, 1)
        out: Tensor = self.layer(self.queries.unsqueeze(1).repeat(1, len(x), 1), memory)
        return out.transpose(0, 1)


class Coupling(nn.Module):
    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask + self.net(x * self.mask) * (1 - self.mask)


class Coupled(nn.Module):
    """One mask that several modules have."""

    def __init__(self) -> None:
        super().__init__()
        mask = (torch.arange(4) % 2).float()
        self.parts = nn.ModuleList(Coupling(mask if at % 2 else 1 - mask) for at in range(2))
        self.last = nn.ModuleList(Coupling(mask) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for part in [*self.parts, *self.last]:
            x = part(x)
        return x


class Applied(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(30 * x)


class Weighed(nn.Module):
    """Tokens weighed by one vector, and the nearest of some vectors in the place of each."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.table = nn.Parameter(torch.randn(4)), nn.Embedding(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.view(-1, 4)
        far = flat.pow(2).sum(1, keepdim=True) + self.table.weight.pow(2).sum(1) - 2 * flat @ self.table.weight.t()
        x = x + self.table(far.argmin(1)).view(x.shape)
        return (x * torch.matmul(x.tanh(), self.weight).softmax(1).unsqueeze(-1)).sum(1)


class Decoded(nn.Module):
    """A layer that goes on from its own states, the last of which nobody reads; whole numbers that are moved."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.rnn = nn.Embedding(6, 4), nn.GRU(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.words(x + torch.tensor([0, 2, 4]))
        out, state = self.rnn(x)
        parts = [out]
        for _ in range(2):
            out, state = self.rnn(out, state)
            parts.append(out)
        return torch.cat(parts, 1)


class Kernel(nn.Module):
    """An attention without a softmax, whose products are of three values."""

    def forward(self, x: Tensor) -> Tensor:
        q = F.elu(x.unflatten(2, (2, 4))) + 1
        kept = torch.einsum("nshd,nshm->nhmd", q, q)
        scale = 1 / torch.einsum("nlhd,nhd->nlh", q, q.sum(dim=1))
        return torch.einsum("nlhd,nhmd,nlh->nlhm", q, kept, scale)


class Named(nn.Module):
    """A module whose arguments are called as places of constants are."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.kinds, self.places = nn.Embedding(9, 4), nn.Embedding(2, 4), nn.Embedding(12, 4)
        self.register_buffer("ids", torch.arange(12)[None])

    def forward(self, i: Tensor, j: Tensor) -> Tensor:
        out: Tensor = self.words(i) + self.kinds(j) + self.places(self.ids[:, : i.size(1)])
        return out


class Edges(nn.Module):
    """Constant filters, and constants and parameters that come out once for each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.spread, self.value = nn.Parameter(torch.zeros(2)), nn.Linear(36, 1)
        self.named = Named()

    def forward(self, x: Tensor, tokens: Tensor) -> tuple[Tensor, ...]:
        kernel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]).view(1, 1, 3, 3)
        along, down = F.conv2d(x, kernel, padding=1), F.conv2d(x, kernel.transpose(2, 3), padding=1)
        value = self.value(along.flatten(1))
        words = self.named(tokens, tokens)
        return torch.cat([along, down], 1), value.expand(len(x), 3), self.spread.expand(len(x), 2).exp(), words


class Encoder(nn.Module):
    """What each stage gives, of stages that are loops."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(3, 4, 3)
        self.stage1 = nn.Sequential(*(nn.Sequential(nn.Conv1d(4, 4, 1), nn.ReLU()) for _ in range(2)))
        self.stage2 = nn.Sequential(*(nn.Sequential(nn.Conv1d(4, 4, 1), nn.Tanh()) for _ in range(3)))

    def forward(self, x: Tensor) -> list[Tensor]:
        stages = [self.stem(x)]
        for stage in (self.stage1, self.stage2):
            stages.append(stage(stages[-1]))
        return stages


class Segmenter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = Encoder(), nn.Conv1d(12, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.cat(self.encoder(x), 1))
        return out


class Around(nn.Module):
    """A function that was made around modules, and a reshape that puts an axis of 1 into the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({"rnn": nn.LSTM(5, 4, batch_first=True), "fc": nn.Linear(4, 2)})
        parts = self.parts
        self.drop = nn.Dropout2d(0.1)
        self.net = lambda x: parts.fc(parts.rnn(x)[0][:, -1])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.drop(self.net(x.reshape(-1, 6, 5)))
        return out


NEW = (parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.weight_norm)
OLD = (weight_norm, spectral_norm, spectral_norm)
HABITS: list[tuple[Any, Any, str]] = [
    (lambda: Normed(NEW), (4, 9), "norm: spectral"),
    (lambda: Normed(OLD), (4, 9), "norm: utils.weight_norm"),
    (Twice, (3, 7), "tie: {net.0.weight: conv.weight, net.0.bias: conv.bias}"),
    (States, (7, 4), "op: LSTM, hidden_size: 6, num_layers: 2, return_state: true}"),
    (Labelled, {"label": ((), "int64"), "time": ()}, "{id: kind, from: argmax}"),
    (Places, (8, 8), "narrow"),
    (Latents, (6, 8), "op: expand, size: [5, 8], like: input"),
    (Scores, (3, 4, 4), "squeeze"),
    (lambda: nn.Sequential(Masked(1, 2), Masked(2, 2)), (1, 7, 7), "if 5 * k + l < 13 else 0.0)"),
    (Steps, (3,), "op: ge"),
    (Given, (5, 8), "id: sublayers.1.norm"),
    (Steered, (1, 8, 8), "op: affine_grid, like: input"),
    (Frames, (3, 1, 6, 6), "equation:"),
    (Unrolled, (3, 2, 7), "share: cell"),
    (Aligned, (3, 6, 5), "op: repeat"),
    (Detector, (8, 3, 4), "op: expand, size: [3, 8], like: input"),
    (Coupled, (4,), "last.$i"),
    (Weighed, (6, 4), 'equation: "...i,i->..."'),
    (Decoded, ((3,), "int64"), "share: rnn"),
    (lambda: nn.Sequential(nn.Linear(2, 8), nn.Sigmoid(), Applied()), (2,), "op: sin"),
    (Kernel, (5, 8), 'equation: "nlhm,nlh->nlhm"'),
    (Edges, {"x": (1, 6, 6), "tokens": ((5,), "int64")}, "op: expand, size: [2], like: x"),
    (Rotated, (6, 4), "$(sin(i * 10000 ** (-(j % 2) / 2)))"),
    (Squeezed, (3, 6, 6), "op: expand, like: conv"),
    (Patches, (16, 3, 5), "$(0.0 if i == 0 else sin("),
    (Windows, (4, 6, 6), "end_dim: 4"),
    (Nested, (4,), "id: first.0"),
    (Regions, (4, 6, 8), "op: concat"),
    (lambda: nn.Sequential(Scaled(0.3), Scaled(0.7), Scaled(0.5, more=True)), (4,), "scale: [0.3, 0.7, 0.5]"),
    (Tiled, (3, 4, 6), "op: repeat, repeats: [1, 2, 2]"),
    (Around, (1, 6, 5), "id: parts.rnn, op: LSTM"),
    (Segmenter, (3, 9), "from: [encoder.stem, encoder.stage1, encoder.stage2]"),
]
