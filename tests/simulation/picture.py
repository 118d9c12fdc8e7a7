"""The outcome as a picture, in SVG by hand: two plots need no library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from agent.domain.topology import Alignment
from tests.simulation.experiment import Outcome

WIDTH, HEIGHT, BASE, TALL, LEFT = 900, 420, 330, 230, 60
COLOURS = ("#1b6ca8", "#d1495b")
BINS, MOST = 26, 52.0  # bins of 2 GB/s
TEXT = 'font-family="sans-serif" fill="#222"'


def drawn(outcomes: Mapping[str, Outcome], jobs: int) -> str:
    """Left: workers by alignment. Right: jobs by implied bandwidth."""
    ways = list(outcomes.items())
    title = f"Simulation, not a measurement: {jobs} jobs of two workers on two 8-GPU nodes"
    parts = [
        _text(WIDTH / 2, 24, title, 16, "middle"),
        _text(WIDTH / 2, 44, "bandwidths drawn from the figures measured in arXiv 2506.23628", 12, "middle"),
        *_alignments(ways),
        *_bandwidths(ways),
        *_legend(ways),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', *parts, "</svg>", ""])


def _alignments(ways: Sequence[tuple[str, Outcome]]) -> Iterator[str]:
    yield _text(LEFT, 74, "workers by alignment of GPU and card, %", 12)
    yield _line(LEFT, LEFT + 380)
    for column, level in enumerate(sorted(Alignment, reverse=True)):
        middle = LEFT + 50 + column * 95
        yield _text(middle, BASE + 18, level.words, 11, "middle")
        for index, (_, outcome) in enumerate(ways):
            share = outcome.workers[level] / outcome.workers.total()
            left = middle - 32 + index * 33
            yield _bar(left, 30, share, COLOURS[index])
            yield _text(left + 15, BASE - share * TALL - 5, f"{share * 100:.1f}", 10, "middle")


def _bandwidths(ways: Sequence[tuple[str, Outcome]]) -> Iterator[str]:
    start, step = LEFT + 440, 14
    yield _text(start, 74, "jobs by implied bus bandwidth of all_reduce, 8 GB, %", 12)
    yield _line(start, start + BINS * step)
    for index, (_, outcome) in enumerate(ways):
        for place, share in enumerate(_shares(outcome.bandwidth)):
            if share:
                yield _bar(start + place * step + index * 6, 6, share, COLOURS[index])
    for value in range(0, int(MOST) + 1, 10):
        yield _text(start + value / MOST * BINS * step, BASE + 18, f"{value}", 11, "middle")
    yield _text(start + BINS * step / 2, BASE + 36, "GB/s", 11, "middle")


def _shares(values: Sequence[float]) -> list[float]:
    bins = [0] * BINS
    for value in values:
        bins[min(int(value / MOST * BINS), BINS - 1)] += 1
    return [count / len(values) for count in bins]


def _legend(ways: Sequence[tuple[str, Outcome]]) -> Iterator[str]:
    for index, (way, outcome) in enumerate(ways):
        left, top = LEFT + index * 400, HEIGHT - 30
        yield f'<rect x="{left}" y="{top - 10}" width="12" height="12" fill="{COLOURS[index]}"/>'
        yield _text(left + 18, top, f"{way}: mean {outcome.mean:.2f} GB/s, deviation {outcome.deviation:.2f}", 12)


def _bar(left: float, width: float, share: float, colour: str) -> str:
    height = share * TALL
    return f'<rect x="{left:.1f}" y="{BASE - height:.1f}" width="{width}" height="{height:.1f}" fill="{colour}"/>'


def _line(left: float, right: float) -> str:
    return f'<line x1="{left}" y1="{BASE}" x2="{right}" y2="{BASE}" stroke="#222"/>'


def _text(left: float, top: float, text: str, size: int, anchor: str = "start") -> str:
    place = f'x="{left:.1f}" y="{top:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f"<text {place} {TEXT}>{escape(text)}</text>"
