"""What the engine costs: the same training as a plain PyTorch loop, in turns, on the real data.

    ZOO_DATA=DIR python tests/benchmarks/bench_training.py [RECIPE] [--epochs 2] [--rounds 3]

Both sides hold MNIST in memory, crop whole batches at random, step AdamW under one-cycle, and validate every epoch.
The plain loop is what a careful person would write in an afternoon; it shares no code with the engine. The last line is
one JSON object; `ratio` is the engine's processor time over the loop's, each the least over all rounds: where other
processes want the machine too, the clock on the wall says little.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import speczoo
from speczoo.torchvision import torchvision
from speczoo.training import engine, recipe_loader


def plain(model: nn.Module, root: str, epochs: int, lr: float) -> float:
    """Trains as 000-002 do; returns the accuracy on the test set."""
    datasets = torchvision().datasets
    train, test = (datasets.MNIST(root, train=split) for split in (True, False))
    x, y = train.data[:, None].float() / 255, train.targets
    mean, std = x.mean(), x.std()
    x_test, y_test = (test.data[:, None].float() / 255 - mean) / std, test.targets
    padded = F.pad(x, [3] * 4)
    size, steps = 128, len(x) // 128
    optimizer = torch.optim.AdamW(model.parameters(), lr, betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps * epochs)
    accuracy = 0.0
    for _ in range(epochs):
        model.train()
        for index in torch.randperm(len(x))[: steps * size].split(size):
            windows = padded[index].unfold(2, 28, 1).unfold(3, 28, 1)
            top, left = torch.randint(7, (2, size))
            batch = (windows[torch.arange(size), :, top, left] - mean) / std
            loss = F.cross_entropy(model(batch), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            parts = zip(x_test.split(250), y_test.split(250), strict=True)
            right = sum((model(images).argmax(1) == labels).sum() for images, labels in parts)
        accuracy = float(right) / len(x_test)
    return accuracy


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe", nargs="?", default="mnist_resnet")
    parser.add_argument("--data", default=os.environ.get("ZOO_DATA", "data"))
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    recipe = recipe_loader.load(given.recipe, {"epochs": given.epochs})
    times: dict[str, list[float]] = {"plain": [], "engine": []}
    for turn in range(given.rounds):
        torch.manual_seed(turn)
        model = speczoo.build(recipe.network.name, seed=turn)
        began = time.process_time()
        accuracy = plain(model, given.data, given.epochs, recipe.optimizer.lr)
        times["plain"].append(time.process_time() - began)
        print(f"plain   {times['plain'][-1]:7.2f} s  {accuracy:.4f}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            model = speczoo.build(recipe.network.name, seed=turn)
            began = time.process_time()
            result = engine.train(
                recipe, model=model, data=given.data, out=Path(folder) / "run", quiet=True, report=False, progress=False
            )
            times["engine"].append(time.process_time() - began)
        print(f"engine  {times['engine'][-1]:7.2f} s  {result.accuracy:.4f}", flush=True)
    best = {name: min(values) for name, values in times.items()}
    print(json.dumps({"recipe": recipe.name, "epochs": given.epochs, **best, "ratio": best["engine"] / best["plain"]}))


if __name__ == "__main__":
    main()
