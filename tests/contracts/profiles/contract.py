"""What every profile provider does, the fake of the services' tests and a real webhook alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ports.errors import Code, Failure
from ports.netconfig import NetworkConfig, decode
from ports.plan import ClaimRef
from ports.profiles import ProfileProvider, Wish
from ports.providers import DeviceIds

CLAIM = ClaimRef(namespace="team", name="net", uid="claim-uid")
OTHER = ClaimRef(namespace="team", name="other", uid="other-uid")
BODY = {"metadata": {"namespace": "team", "name": "net", "uid": "claim-uid"}}
GIVEN = decode({"interface": {"addresses": ["10.200.200.200/24"]}})
SECONDS = 30.0
Leases = Callable[[], set[tuple[str, str]]]


def wish(profile: str = "net", device: str = "ens1") -> Wish:
    return Wish(ids=DeviceIds(device=device, interface=device), config=NetworkConfig(profile=profile))


class ProfileProviderContract:
    """``provider`` knows the profile ``net``, which gives addresses; ``leases`` is what it has given, by UID and device."""

    def test_a_profile_gives_configuration(self, provider: ProfileProvider, leases: Leases) -> None:
        assert provider.grant(CLAIM, BODY, wish(), SECONDS).interface.addresses
        assert leases() == {("claim-uid", "ens1")}

    def test_the_same_question_has_the_same_answer(self, provider: ProfileProvider, leases: Leases) -> None:
        first = provider.grant(CLAIM, BODY, wish(), SECONDS)
        assert provider.grant(CLAIM, BODY, wish(), SECONDS) == first
        assert leases() == {("claim-uid", "ens1")}

    def test_what_is_taken_back_is_gone_and_nothing_else(self, provider: ProfileProvider, leases: Leases) -> None:
        for claim, device in ((CLAIM, "ens1"), (CLAIM, "ens2"), (OTHER, "ens1")):
            provider.grant(claim, BODY, wish(device=device), SECONDS)
        provider.release(CLAIM, wish(), SECONDS)
        assert leases() == {("claim-uid", "ens2"), ("other-uid", "ens1")}

    def test_to_take_back_what_was_not_given_is_a_success(self, provider: ProfileProvider, leases: Leases) -> None:
        provider.release(CLAIM, wish(), SECONDS)
        provider.release(CLAIM, wish(), SECONDS)
        assert leases() == set()

    def test_an_unknown_profile_is_not_found(self, provider: ProfileProvider, leases: Leases) -> None:
        with pytest.raises(Failure) as caught:
            provider.grant(CLAIM, BODY, wish("none"), SECONDS)
        assert (caught.value.code, leases()) == (Code.NOT_FOUND, set())
