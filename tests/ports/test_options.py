"""Flags: one name everywhere, an environment twin each, and one line for a mistake."""

from __future__ import annotations

import pytest

from ports import options
from ports.errors import RETRYABLE, Code, Failure
from ports.places import Places
from ports.telemetry import trace_id


def parse(*argv: str, **env: str) -> object:
    return options.parser("knd test", "A test.", options.ALL, env).parse_args(argv)


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    assert getattr(parse(), "driver_name") == "dra.net"
    assert getattr(parse(KND_DRIVER_NAME="a.b"), "driver_name") == "a.b"
    assert getattr(parse("--driver-name=c.d", KND_DRIVER_NAME="a.b"), "driver_name") == "c.d"


@pytest.mark.parametrize(
    "argv",
    [
        ["--no-such-flag"],
        ["--driver=x"],
        ["--driver-name=Upper.Case"],
        ["--driver-name=" + "a" * 64],
        ["--log-level=loud"],
        ["--log-format=xml"],
        ["--runtime-dir=relative"],
        ["--runtime-dir=/" + "d" * 100],
        ["--bind-address=9177"],
        ["--needed-addresses=192.0.2.1,node-a"],
        ["--needed-addresses=192.0.2.0/24"],
        ["--bind-address=host:70000"],
        ["--nri-socket"],
        ["stray"],
    ],
)
def test_a_mistake_exits_2_with_one_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(*argv)
    assert caught.value.code == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert printed.startswith("knd test: ")


def test_a_bad_environment_value_is_a_mistake_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(KND_LOG_LEVEL="loud")
    assert caught.value.code == 2
    assert "'loud'" in capsys.readouterr().err


def test_needed_addresses_are_those_told_and_the_api_servers_once_each() -> None:
    values = parse("--needed-addresses=192.0.2.1, 2001:db8::1,192.0.2.1")
    assert options.needed(values, {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}) == ("192.0.2.1", "2001:db8::1", "10.96.0.1")
    assert options.needed(values, {"KUBERNETES_SERVICE_HOST": "api.example"}) == ("192.0.2.1", "2001:db8::1")
    assert options.needed(parse(), {}) == ()


def test_flags_and_environment_twins_are_unique() -> None:
    assert len({option.flag for option in options.ALL}) == len(options.ALL)
    assert len({option.env for option in options.ALL}) == len(options.ALL)


def test_the_help_names_every_flag_with_its_twin(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    printed = " ".join(capsys.readouterr().out.split())
    assert all(option.flag in printed and f"env {option.env};" in printed for option in options.ALL)


def test_the_values_become_arguments_again() -> None:
    values = parse("--filter=", "--bind-address=:80", "--cdi-root=")
    again = parse(*options.arguments(options.ALL, values))
    assert again == values


def test_every_socket_has_a_directory_of_its_own() -> None:
    places = Places("/run/knd")
    sockets = (
        places.prepare_socket,
        places.attach_socket,
        places.inventory_socket,
        places.outcomes_socket,
        places.state_socket,
    )
    assert len({path.rpartition("/")[0] for path in sockets}) == len(sockets)
    assert places.ledger == "/run/knd/ledger"
    assert places.outbox == "/run/knd/outbox"


def test_a_failure_reads_as_subject_detail_and_next_step() -> None:
    failure = Failure(Code.CONFLICT, "device eth1", "held by claim a/b", "delete that claim first")
    assert str(failure) == "device eth1: held by claim a/b (delete that claim first)"
    assert failure.retryable
    assert Code.INVALID not in RETRYABLE


def test_a_trace_id_is_taken_from_a_valid_traceparent_only() -> None:
    assert trace_id("00-" + "a" * 32 + "-" + "b" * 16 + "-01") == "a" * 32
    assert trace_id("garbage") == ""
