"""Contrast, computed from the style sheet's own tokens in both themes."""

import re

import pytest

from app.paths import bundled

SHEET = (bundled("static") / "style.css").read_text()
TOKENS = {name: values for name, *values in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", SHEET)}
THEMES = ["light", "dark"]


def colour(name: str, theme: str) -> tuple[float, ...]:
    """A token's red, green and blue in a theme."""
    text = TOKENS[name][THEMES.index(theme)]
    return tuple(int(text[place : place + 2], 16) for place in (1, 3, 5))


def luminance(rgb: tuple[float, ...]) -> float:
    """WCAG's relative luminance."""
    parts = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in rgb)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """WCAG's contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def over(top: tuple[float, ...], alpha: float, ground: tuple[float, ...]) -> tuple[float, ...]:
    """A colour laid over another."""
    return tuple(alpha * a + (1 - alpha) * b for a, b in zip(top, ground, strict=True))


def strengths() -> list[float]:
    """The tints of the style sheet, one for each of the sixteen levels."""
    found = {int(level): float(share) for level, share in re.findall(r"\.p(\d+), \.n\d+ \{ --a: ([\d.]+)%", SHEET)}
    return [found[level] / 100 for level in range(1, 17)]


def test_there_are_sixteen_even_tints_up_to_56_percent() -> None:
    assert strengths() == pytest.approx([0.56 * level / 16 for level in range(1, 17)])


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("tint", ["tint-pos", "tint-neg", "paper-tint-pos", "paper-tint-neg"])
@pytest.mark.parametrize("ground", ["paper", "card", "soft"])
def test_text_over_every_tint_keeps_seven_to_one(theme: str, tint: str, ground: str) -> None:
    for strength in strengths():
        laid = over(colour(tint, theme), strength, colour(ground, theme))
        assert contrast(colour("ink", theme), laid) >= 7, (theme, tint, ground, strength)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("text", ["muted", "accent", "bad", "good"])
@pytest.mark.parametrize("ground", ["paper", "card", "soft"])
def test_quiet_text_and_links_keep_four_and_a_half_to_one(theme: str, text: str, ground: str) -> None:
    assert contrast(colour(text, theme), colour(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("mark", ["pos", "neg", "paper-pos", "paper-neg", "edge"])
def test_bars_underlines_and_edges_of_fields_keep_three_to_one(theme: str, mark: str) -> None:
    for ground in ("paper", "card"):
        assert contrast(colour(mark, theme), colour(ground, theme)) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_buttons_keep_four_and_a_half_to_one(theme: str) -> None:
    assert contrast(colour("on-accent", theme), colour("accent", theme)) >= 4.5
