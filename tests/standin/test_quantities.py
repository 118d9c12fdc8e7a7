"""Quantities as a real API server stored them."""

from __future__ import annotations

import pytest

from adapters.standin.api_errors import ApiError
from adapters.standin.api_quantities import canonical


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("100G", "100G"),
        ("1e9", "1e9"),
        ("-1", "-1"),
        ("0", "0"),
        ("0.5", "500m"),
        ("1Gi", "1Gi"),
        ("100000m", "100"),
        (None, "0"),
        (5, "5"),
        ("1000000", "1M"),
    ],
)
def test_they_are_stored_as_recorded(sent: str | int | None, stored: str) -> None:
    assert canonical(sent) == stored


@pytest.mark.parametrize("sent", ["100Gbps", "", ".", "+", "1 G", True])
def test_what_is_none_is_refused(sent: str) -> None:
    with pytest.raises(ApiError, match="quantities must match"):
        canonical(sent)
