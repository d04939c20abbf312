"""Networks of other people's code, as one writes them by hand in PyTorch: what the zoo's specs of them are held to.

Names of members are those of the code that a spec names as its source, so that its checkpoints load.
"""

from __future__ import annotations

import math

import torch
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


class Bert(nn.Module):
    """BERT, with the names of Hugging Face's BertModel."""

    def __init__(self, layers: int, hidden: int, heads: int, vocabulary: int, positions: int, types: int) -> None:
        super().__init__()
        self.embeddings = BertEmbeddings(hidden, vocabulary, positions, types)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList([BertLayer(hidden, heads) for _ in range(layers)])
        self.pooler = nn.Module()
        self.pooler.dense = nn.Linear(hidden, hidden)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        x = self.embeddings(input_ids, token_type_ids)
        kept = attention_mask[:, None, None, :] != 0
        for layer in self.encoder.layer:  # type: ignore[union-attr]
            x = layer(x, kept)
        return x, torch.tanh(self.pooler.dense(x[:, 0]))  # type: ignore[operator]


class BertEmbeddings(nn.Module):
    def __init__(self, hidden: int, vocabulary: int, positions: int, types: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, hidden, padding_idx=0)
        self.position_embeddings = nn.Embedding(positions, hidden)
        self.token_type_embeddings = nn.Embedding(types, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1])
        x = self.word_embeddings(ids) + self.token_type_embeddings(types) + self.position_embeddings(places)
        normed: Tensor = self.LayerNorm(x)
        return normed


class BertOutput(nn.Module):
    def __init__(self, inner: int, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        normed: Tensor = self.LayerNorm(self.dense(x) + residual)
        return normed


class BertLayer(nn.Module):
    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.Module()
        self.attention.self = nn.ModuleDict({n: nn.Linear(hidden, hidden) for n in ("query", "key", "value")})
        self.attention.output = BertOutput(hidden, hidden)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(hidden, 4 * hidden)
        self.output = BertOutput(4 * hidden, hidden)

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        batch, tokens, hidden = x.shape
        parts = self.attention.self
        q, k, v = (
            parts[n](x).view(batch, tokens, self.heads, -1).transpose(1, 2)  # type: ignore[index]
            for n in ("query", "key", "value")
        )
        weights = (q @ k.transpose(-2, -1) / math.sqrt(hidden // self.heads)).masked_fill(~kept, -torch.inf).softmax(-1)
        attended = (weights @ v).transpose(1, 2).reshape(batch, tokens, hidden)
        x = self.attention.output(attended, x)  # type: ignore[operator]
        inner = nn.functional.gelu(self.intermediate.dense(x))  # type: ignore[operator]
        out: Tensor = self.output(inner, x)
        return out


class PointNet(nn.Module):
    """PointNet's classifier, with the names of the much used port to PyTorch, each layer where it runs; no dropout."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.feat = PointFeatures()
        self.fc1, self.bn1 = nn.Linear(1024, 512), nn.BatchNorm1d(512)
        self.fc2, self.bn2 = nn.Linear(512, 256), nn.BatchNorm1d(256)
        self.fc3 = nn.Linear(256, classes)

    def forward(self, points: Tensor) -> Tensor:
        x = self.feat(points)
        x = torch.relu(self.bn1(self.fc1(x)))
        x = torch.relu(self.bn2(self.fc2(x)))
        scores: Tensor = self.fc3(x).log_softmax(1)
        return scores


class PointFeatures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stn = PointTransform()
        self.conv1, self.bn1 = nn.Conv1d(3, 64, 1), nn.BatchNorm1d(64)
        self.conv2, self.bn2 = nn.Conv1d(64, 128, 1), nn.BatchNorm1d(128)
        self.conv3, self.bn3 = nn.Conv1d(128, 1024, 1), nn.BatchNorm1d(1024)

    def forward(self, points: Tensor) -> Tensor:
        turn = self.stn(points)
        x = (points.transpose(2, 1) @ turn).transpose(2, 1)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        whole: Tensor = self.bn3(self.conv3(x)).amax(2)
        return whole


class PointTransform(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(3, 64, 1), nn.BatchNorm1d(64)
        self.conv2, self.bn2 = nn.Conv1d(64, 128, 1), nn.BatchNorm1d(128)
        self.conv3, self.bn3 = nn.Conv1d(128, 1024, 1), nn.BatchNorm1d(1024)
        self.fc1, self.bn4 = nn.Linear(1024, 512), nn.BatchNorm1d(512)
        self.fc2, self.bn5 = nn.Linear(512, 256), nn.BatchNorm1d(256)
        self.fc3 = nn.Linear(256, 9)

    def forward(self, points: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(points)))
        x = torch.relu(self.bn2(self.conv2(x)))
        x = torch.relu(self.bn3(self.conv3(x))).amax(2)
        x = torch.relu(self.bn4(self.fc1(x)))
        x = torch.relu(self.bn5(self.fc2(x)))
        turn: Tensor = (self.fc3(x) + torch.eye(3).flatten()).view(-1, 3, 3)
        return turn


class CharRNN(nn.Module):
    """A language model of characters: the next one from those before it, by an LSTM."""

    def __init__(self, characters: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.encoder = nn.Embedding(characters, hidden)
        self.rnn = nn.LSTM(hidden, hidden, layers, batch_first=True)
        self.decoder = nn.Linear(hidden, characters)

    def forward(self, text: Tensor) -> Tensor:
        logits: Tensor = self.decoder(self.rnn(self.encoder(text))[0])
        return logits


class GPT(nn.Module):
    """GPT-2, with the names of nanoGPT."""

    def __init__(self, n_layer: int, n_head: int, n_embd: int, vocab_size: int) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocab_size, n_embd),
                "wpe": nn.Embedding(1024, n_embd),
                "h": nn.ModuleList([GPTBlock(n_embd, n_head) for _ in range(n_layer)]),
                "ln_f": nn.LayerNorm(n_embd),
            }
        )
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight  # type: ignore[assignment]

    def forward(self, tokens: Tensor) -> Tensor:
        parts = self.transformer
        x = parts["wte"](tokens) + parts["wpe"](torch.arange(tokens.shape[1]))
        for block in parts["h"]:  # type: ignore[attr-defined]
            x = block(x)
        logits: Tensor = self.lm_head(parts["ln_f"](x))
        return logits


class GPTBlock(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(size)
        self.attn = nn.ModuleDict({"c_attn": nn.Linear(size, 3 * size), "c_proj": nn.Linear(size, size)})
        self.ln_2 = nn.LayerNorm(size)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(size, 4 * size), "c_proj": nn.Linear(4 * size, size)})

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, size = x.shape
        parts = self.attn["c_attn"](self.ln_1(x)).split(size, 2)
        q, k, v = (part.view(batch, tokens, self.heads, -1).transpose(1, 2) for part in parts)
        later = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
        weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).masked_fill(later, -torch.inf).softmax(-1)
        x = x + self.attn["c_proj"]((weights @ v).transpose(1, 2).reshape(batch, tokens, size))
        return x + self.mlp["c_proj"](nn.functional.gelu(self.mlp["c_fc"](self.ln_2(x))))  # type: ignore[no-any-return]


class TemporalBlock(nn.Module):
    """One of TCN's, after its code: two dilated convolutions with weight norm, cut to what lies behind each step."""

    def __init__(self, inner: int, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.ahead = (kernel - 1) * dilation
        norm = nn.utils.parametrizations.weight_norm
        self.conv1 = norm(nn.Conv1d(inner, channels, kernel, padding=self.ahead, dilation=dilation))
        self.conv2 = norm(nn.Conv1d(channels, channels, kernel, padding=self.ahead, dilation=dilation))
        self.downsample = nn.Conv1d(inner, channels, 1) if inner != channels else None

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for conv in (self.conv1, self.conv2):
            out = torch.relu(conv(out)[:, :, : -self.ahead])
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class TCN(nn.Module):
    """TCN's network for sequential MNIST, without its dropout and its log_softmax."""

    def __init__(self, channels: int, levels: int, kernel: int) -> None:
        super().__init__()
        blocks = [TemporalBlock(channels if i else 1, channels, kernel, 2**i) for i in range(levels)]
        self.tcn = nn.ModuleDict({"network": nn.Sequential(*blocks)})
        self.linear = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.tcn["network"](x)[:, :, -1])
        return logits


class SeparableConv2d(nn.Module):
    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=False)
        self.pointwise = nn.Conv2d(inner, outer, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        separate: Tensor = self.pointwise(self.conv1(x))
        return separate


class XceptionBlock(nn.Module):
    def __init__(self, inner: int, widths: list[int], stride: int = 2, first_relu: bool = True) -> None:
        super().__init__()
        self.skip = nn.Conv2d(inner, widths[-1], 1, stride, bias=False) if stride > 1 else nn.Identity()
        self.skipbn = nn.BatchNorm2d(widths[-1]) if stride > 1 else nn.Identity()
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.ReLU(), SeparableConv2d(inner, width), nn.BatchNorm2d(width)]
            inner = width
        pool = [nn.MaxPool2d(3, stride, 1)] if stride > 1 else []
        self.rep = nn.Sequential(*layers[0 if first_relu else 1 :], *pool)

    def forward(self, x: Tensor) -> Tensor:
        repeated: Tensor = self.rep(x)
        skipped: Tensor = self.skipbn(self.skip(x))
        return repeated + skipped


class Xception(nn.Module):
    """Xception, with the names of timm's legacy_xception."""

    def __init__(self, middle: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        blocks = [XceptionBlock(64, [128] * 2, first_relu=False), XceptionBlock(128, [256] * 2)]
        blocks += [XceptionBlock(256, [728] * 2), *(XceptionBlock(728, [728] * 3, 1) for _ in range(middle))]
        self.blocks = [f"block{number}" for number in range(1, len(blocks) + 2)]
        for name, block in zip(self.blocks, [*blocks, XceptionBlock(728, [728, 1024])], strict=True):
            self.add_module(name, block)
        self.conv3 = SeparableConv2d(1024, 1536)
        self.bn3 = nn.BatchNorm2d(1536)
        self.conv4 = SeparableConv2d(1536, 2048)
        self.bn4 = nn.BatchNorm2d(2048)
        self.fc = nn.Linear(2048, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        for name in self.blocks:
            x = self.get_submodule(name)(x)
        x = torch.relu(self.bn3(self.conv3(x)))
        x = torch.relu(self.bn4(self.conv4(x)))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits
