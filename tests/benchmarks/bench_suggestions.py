"""Whether the nearest names are found, and how soon, beside rapidfuzz and difflib in the same run.

    pip install rapidfuzz && python -m tests.benchmarks.bench_suggestions

Quality is the share of words for which what is suggested is a nearest name by the Damerau-Levenshtein distance (optimal
string alignment) among those that lie no further than a third of the letters.
"""

from __future__ import annotations

import difflib
import random
import time
from collections.abc import Callable

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer
from speczoo.specs.suggestions import distance, nearest, spelling

LETTERS = "abcdefghijklmnopqrstuvwxyz_2"


def mistyped(word: str, slips: int, rng: random.Random) -> str:
    for _ in range(slips):
        at = rng.randrange(len(word))
        left, right = word[:at], word[at:]
        swapped = left + right[1:2] + right[:1] + right[2:]
        letter = rng.choice(LETTERS)
        word = rng.choice([swapped, left + right[1:], left + letter + right, left + letter + right[1:]]) or word
    return word


def with_difflib(name: str, known: list[str]) -> str | None:
    words = {spelling(word): word for word in known}
    close = difflib.get_close_matches(spelling(name), words, n=1, cutoff=0.68)
    return words[close[0]] if close else None


def with_rapidfuzz(name: str, known: list[str]) -> str | None:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    found = process.extractOne(name, known, scorer=OSA.distance, processor=spelling, score_cutoff=len(name) // 3)
    return found[0] if found else None


def main(times: int = 3_000) -> None:
    fields = {field for layer in Layer.registry.values() for field in layer.model_fields}
    known = sorted({*Layer.registry, *fields})
    rng = random.Random(0)
    words = list(dict.fromkeys(mistyped(rng.choice(known), rng.choice((1, 1, 2)), rng) for _ in range(times)))
    least = {name: min(distance(spelling(name), spelling(word)) for word in known) for name in words}
    words = [name for name in words if 3 * least[name] <= len(spelling(name))]
    rivals: dict[str, Callable[[str, list[str]], str | None]] = {
        "nearest": nearest, "rapidfuzz": with_rapidfuzz, "difflib": with_difflib,
    }  # fmt: skip
    for name, suggest in rivals.items():
        try:
            suggest("warm", known)
        except ImportError:
            print(f"{name}: not installed")
            continue
        start = time.process_time()
        found = [suggest(word, known) for word in words]
        spent = time.process_time() - start
        right = sum(
            hit is not None and distance(spelling(word), spelling(hit)) == least[word]
            for word, hit in zip(words, found, strict=True)
        )
        print(
            f"{name}: {right / len(words):.1%} of {len(words)} nearest names, {spent / len(words) * 1e3:.2f} ms a word"
        )


if __name__ == "__main__":
    main()
