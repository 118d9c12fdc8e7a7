"""The attach as people see it in a terminal."""

from __future__ import annotations

from agent.domain.timeline import WIDTH, Row, draw

MS = 1_000_000


def test_rows_share_one_scale_and_nested_ones_are_indented() -> None:
    lines = draw(
        (
            Row(label="attach", start_ns=5 * MS, end_ns=15 * MS),
            Row(label="move", start_ns=5 * MS, end_ns=10 * MS, depth=1),
            Row(label="set-up", start_ns=10 * MS, end_ns=15 * MS, depth=1),
        )
    )
    assert lines[0] == "attach        0.00 ms     10.00 ms  " + "█" * WIDTH
    assert lines[1] == "  move        0.00 ms      5.00 ms  " + "█" * (WIDTH // 2)
    assert lines[2] == "  set-up      5.00 ms      5.00 ms  " + " " * (WIDTH // 2) + "█" * (WIDTH // 2)


def test_a_step_too_short_for_the_scale_still_shows() -> None:
    assert draw((Row(label="a", start_ns=0, end_ns=MS), Row(label="b", start_ns=0, end_ns=1)))[1].endswith(" █")


def test_steps_without_any_duration_are_drawn_too() -> None:
    assert draw((Row(label="a", start_ns=7, end_ns=7),))[0].count("█") == 1


def test_nothing_to_draw_is_nothing() -> None:
    assert draw(()) == ()
