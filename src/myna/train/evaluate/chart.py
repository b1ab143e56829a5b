"""Plots as SVG, by hand: what a report shows must open anywhere, from one file, without a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, ROW, GAP, LEFT, RIGHT = 640, 22, 14, 190, 70
COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b7791f", "#285e61", "#97266d", "#4a5568")
"""Of the models in their order; readable on white and apart for most eyes."""


def bars(groups: Sequence[tuple[str, Sequence[float | None]]], models: Sequence[str]) -> str:
    """Horizontal bars: for each figure (name, value of each model; None: not measured) a group."""
    most = max((value for _, values in groups for value in values if value is not None), default=0)
    room, top = WIDTH - LEFT - RIGHT, nice_above(most)
    parts: list[str] = []
    y = float(GAP)
    for name, values in groups:
        middle = y + ROW * len(values) / 2
        parts.append(_text(LEFT - 8, middle + 4, name, "end"))
        for number, value in enumerate(values):
            if value is not None:
                length = max(0.0, value) / top * room if top else 0.0
                colour = COLOURS[number % len(COLOURS)]
                tip = f"<title>{escape(models[number])}: {value:.4g}</title>"
                parts.append(
                    f'<rect x="{LEFT}" y="{y + 2:.1f}" width="{max(length, 1):.1f}" '
                    f'height="{ROW - 4}" fill="{colour}">{tip}</rect>'
                )
                parts.append(_text(LEFT + length + 6, y + ROW / 2 + 4, f"{value:.4g}"))
            y += ROW
        y += GAP
    parts.append(
        f'<line x1="{LEFT}" y1="0" x2="{LEFT}" y2="{y:.0f}" stroke="#718096" stroke-width="1"/>'
    )
    return _svg(parts, y)


def lines(series: Sequence[tuple[str, Sequence[tuple[float, float]]]], label: str) -> str:
    """Curves over steps, such as held-out loss: a name and points (x, y) of each."""
    points = [point for _, curve in series for point in curve]
    if not points:
        return ""
    height, left, bottom = 260.0, 60.0, 34.0
    low, high = min(y for _, y in points), max(y for _, y in points)
    pad = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    low, high, last = low - pad, high + pad, max(*(x for x, _ in points), 1.0)

    def place(x: float, y: float) -> tuple[float, float]:
        across = left + x / last * (WIDTH - left - 20)
        return across, 10 + (high - y) / (high - low) * (height - bottom - 10)

    parts: list[str] = []
    for number in range(5):
        value = low + (high - low) * number / 4
        _, y = place(0, value)
        parts.append(
            f'<line x1="{left}" y1="{y:.1f}" x2="{WIDTH - 20}" y2="{y:.1f}" stroke="#e2e8f0"/>'
        )
        parts.append(_text(left - 6, y + 4, f"{value:.3g}", "end"))
    for share in (0.0, 0.5, 1.0):
        x, _ = place(share * last, low)
        parts.append(_text(x, height - bottom + 16, f"{share * last:,.0f}", "middle"))
    for number, (name, curve) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2">'
            f"<title>{escape(name)}</title></polyline>"
        )
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>'
            for x, y in (place(*point) for point in curve)
        ]
    parts.append(_text(WIDTH - 20, height - 4, label, "end"))
    return _svg(parts, height)


def legend(models: Sequence[str]) -> str:
    """Which colour is whose, as HTML."""
    return " ".join(
        f'<span class="key"><i style="background:{COLOURS[number % len(COLOURS)]}"></i>'
        f"{escape(name)}</span>"
        for number, name in enumerate(models)
    )


def nice_above(value: float) -> float:
    """The next of 1, 2, 5 · 10^n from a value on; 0 for none."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= value * (1 - 1e-9))


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(parts: Sequence[str], height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="#1a202c">{"".join(parts)}</svg>'
    )
