"""Which entries a device keeps when it has more than an API server takes: those first that classes select by."""

from __future__ import annotations

from agent.domain.discovery import catalogue


def rank(name: str, driver: str, *, capacity: bool = False) -> tuple[int, bool, str]:
    """Sorts by importance: capacities, of which there are few, and then the attributes as the catalogue has them."""
    qualified = _qualified(name, driver)
    place = -1 if capacity else catalogue.rank(qualified, driver)
    return place, not qualified.startswith(f"{driver}/"), name


def is_expendable(name: str, driver: str) -> bool:
    """Whether an attribute is merely good to know: cards that tell much lose some of these, and nobody has to hear of it."""
    return catalogue.rank(_qualified(name, driver), driver) > len(catalogue.ESSENTIAL)


def _qualified(name: str, driver: str) -> str:
    return name if "/" in name else f"{driver}/{name}"
