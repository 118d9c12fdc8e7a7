"""The book of what profile providers have given: written before they are asked, so that nothing given is ever forgotten.

One record a claim, on a disk that outlives the boot. Whoever changes a record holds the claim's turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from agent.services.turns import Turns
from ports.outbox import Shelf
from ports.plan import ClaimRef
from ports.profiles import Grant, Grants, Wish


class GrantBook:
    """Grants by claim, and by device within a claim."""

    def __init__(self, shelf: Shelf[Grants]) -> None:
        self._shelf = shelf
        self._turns = Turns()
        self._ending: Callable[[], None] = lambda: None

    def tell(self, ending: Callable[[], None]) -> None:
        """Call this when there is something to be taken back."""
        self._ending = ending

    @contextmanager
    def turn(self, claim_uid: str, seconds: float) -> Iterator[None]:
        """Be the only one that deals with the claim's grants; DEADLINE when somebody else does for so long."""
        with self._turns.turn(claim_uid, seconds):
            yield

    def all(self) -> Mapping[str, Grants]:
        """Everything, by claim UID."""
        return self._shelf.all()

    def of(self, claim_uid: str) -> tuple[Grant, ...]:
        """The claim's."""
        found = self._shelf.get(claim_uid)
        return found.grants if found else ()

    def open(self, claim: ClaimRef, wishes: tuple[Wish, ...]) -> tuple[Grant, ...]:
        """Note that these wishes are going to be asked, and end all others of the claim. Those granted already stay."""
        known = {grant.wish.ids.device: grant for grant in self.of(claim.uid)}
        wanted = tuple(_kept(known.pop(wish.ids.device, None), wish) for wish in wishes)
        self._put(claim, (*wanted, *(replace(grant, ending=True) for grant in known.values())))
        return wanted

    def answered(self, claim: ClaimRef, given: tuple[Grant, ...], refused: tuple[Grant, ...]) -> None:
        """Note what was given, and forget what was refused for good."""
        new = {grant.wish.ids.device: grant for grant in given}
        kept = (grant for grant in self.of(claim.uid) if grant not in refused)
        self._put(claim, tuple(new.get(grant.wish.ids.device, grant) for grant in kept))

    def end(self, claim_uid: str) -> None:
        """All of the claim's are to be taken back."""
        found = self._shelf.get(claim_uid)
        if found is not None:
            self._put(found.claim, tuple(replace(grant, ending=True) for grant in found.grants))

    def taken_back(self, claim: ClaimRef, grant: Grant) -> None:
        """Forget one."""
        self._put(claim, tuple(each for each in self.of(claim.uid) if each != grant))

    def _put(self, claim: ClaimRef, grants: tuple[Grant, ...]) -> None:
        if not grants:
            self._shelf.drop(claim.uid)
        elif self.of(claim.uid) != grants:
            self._shelf.put(claim.uid, Grants(claim=claim, grants=grants))
        if any(grant.ending for grant in grants):
            self._ending()


def _kept(known: Grant | None, wish: Wish) -> Grant:
    """The known one if it is for this very wish and was not given up; else one that has to be asked (again)."""
    if known is None:
        return Grant(wish=wish)
    if known.wish == wish and known.answer is not None and not known.ending:
        return known
    return Grant(wish=wish, unsure=True)
