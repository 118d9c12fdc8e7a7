"""The tier runner cannot go green by running nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import tiers
from tests.tiers import Outcome

REPORT = '<testsuites><testsuite tests="{}" skipped="{}" failures="{}" errors="{}"/></testsuites>'


def _report(path: Path, tests: int, skipped: int = 0, failures: int = 0, errors: int = 0) -> Path:
    path.write_text(REPORT.format(tests, skipped, failures, errors))
    return path


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(absent="no kernel here"),
        Outcome(ran=0),
        Outcome(ran=3, skipped=1),
        Outcome(ran=3, failed=1),
        Outcome(ran=3, trouble="pytest ended with status 3"),
    ],
)
def test_a_required_tier_is_good_only_if_all_of_it_ran_and_passed(outcome: Outcome) -> None:
    assert not outcome.good(required=True)
    assert Outcome(ran=3).good(required=True)


def test_a_tier_that_is_not_required_may_be_absent_but_not_fail() -> None:
    assert Outcome(absent="no kernel here").good(required=False)
    assert Outcome(ran=3, skipped=3).good(required=False)
    assert not Outcome(ran=3, failed=1).good(required=False)


def test_the_count_is_that_of_executed_tests(tmp_path: Path) -> None:
    report = _report(tmp_path / "report.xml", tests=10, skipped=2, failures=1, errors=1)
    assert tiers.counted(report, 1) == Outcome(ran=8, failed=2, skipped=2)
    assert str(tiers.counted(report, 1)) == "ran 8, failed 2, skipped 2"


def test_a_pytest_that_ended_in_another_way_is_trouble(tmp_path: Path) -> None:
    assert tiers.counted(tmp_path / "absent.xml", 4).trouble == "pytest ended with status 4 and no report"
    assert tiers.counted(_report(tmp_path / "report.xml", tests=2), -11).trouble == "pytest ended with status -11"


def test_an_unknown_tier_is_named() -> None:
    assert tiers.required("unit, netns") == {"unit", "netns"}
    with pytest.raises(SystemExit, match="no tier nets"):
        tiers.required("unit,nets")
    with pytest.raises(SystemExit, match="no tier nets"):
        tiers.main(["nets"])


def test_only_what_is_asked_for_runs_and_the_rest_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tiers, "TIERS", {"unit": lambda: Outcome(ran=1), "netns": lambda: Outcome(absent="no kernel")})
    monkeypatch.setenv("KND_REQUIRE", "unit")
    assert tiers.main(["unit"]) == 0
    monkeypatch.setenv("KND_REQUIRE", "unit,netns")
    assert tiers.main(["unit"]) == 1
    assert "unit: ran 1, failed 0\nnetns: not run: not asked for  <- FAILED" in capsys.readouterr().out
