"""How cases and settings are drawn: as many as the settings of Hypothesis say, and the smallest failure is shown."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def exploration(examples: int | None) -> settings:
    """Return settings for so many examples, or as many as are set.

    Nothing is kept between runs: what failed for one layer or spec says nothing of another, and they all would be kept
    as one.
    """
    return settings(
        max_examples=examples or settings().max_examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
