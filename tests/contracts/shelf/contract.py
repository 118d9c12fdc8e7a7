"""What every shelf does: one value a claim, the newest."""

from __future__ import annotations

from ports.outbox import Shelf


class ShelfContract:
    """``shelf`` is empty and keeps what ``value`` makes of a number."""

    def test_what_is_put_is_there_and_the_newer_one_replaces_it(self, shelf: Shelf[object], value: type) -> None:
        shelf.put("uid", value(number=1))
        shelf.put("other", value(number=2))
        shelf.put("uid", value(number=3))
        assert shelf.get("uid") == value(number=3)
        assert dict(shelf.all()) == {"uid": value(number=3), "other": value(number=2)}

    def test_what_is_dropped_is_gone_and_dropping_it_again_is_a_success(
        self, shelf: Shelf[object], value: type
    ) -> None:
        shelf.put("uid", value(number=1))
        shelf.drop("uid")
        shelf.drop("uid")
        assert shelf.get("uid") is None
        assert dict(shelf.all()) == {}

    def test_what_was_never_there_is_nothing(self, shelf: Shelf[object]) -> None:
        assert shelf.get("uid") is None
        assert dict(shelf.all()) == {}

    def test_what_was_read_does_not_change_by_itself(self, shelf: Shelf[object], value: type) -> None:
        shelf.put("uid", value(number=1))
        seen = shelf.all()
        shelf.drop("uid")
        assert dict(seen) == {"uid": value(number=1)}
