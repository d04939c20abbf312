"""How wide a text is, before anybody draws it: the widths of DejaVu Sans, with which Verdana's agree to a few percent.

Whoever draws a text is given its length, so that another font cannot make it leave its box.
"""

from __future__ import annotations

from unicodedata import east_asian_width

FONT = "Verdana, 'DejaVu Sans', Geneva, sans-serif"

# fmt: off
#: Of the characters from space to ~, in thousandths of the size.
REGULAR = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
    636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863,
    748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635,
    615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
    337, 636, 838,
)
BOLD = (
    348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696, 696, 696, 696, 696,
    696, 696, 696, 400, 400, 838, 838, 838, 580, 1000, 774, 762, 734, 830, 683, 683, 821, 837, 372, 372, 775, 637, 995,
    837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 500, 500, 675, 716, 593, 716,
    678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712,
    365, 712, 838,
)
# fmt: on


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text in the unit of `size`, the font's."""
    widths = BOLD if bold else REGULAR
    thousandths = sum(widths[ord(c) - 32] if " " <= c <= "~" else _other(c) for c in text)
    return thousandths * size / 1000


def _other(character: str) -> int:
    return 1000 if east_asian_width(character) in "WFA" else 838


def shortened(text: str, most: float, size: float, *, bold: bool = False) -> str:
    """Return a text that is no wider than `most`, its end cut where it must be."""
    if width(text, size, bold=bold) <= most:
        return text
    kept = text
    while kept and width(f"{kept}\u2026", size, bold=bold) > most:
        kept = kept[:-1]
    return f"{kept}\u2026"
