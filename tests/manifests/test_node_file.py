"""The node's configuration file: noticed whichever way it is written, and never the worse for a bad one."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.manifests import nodefile
from adapters.manifests.nodefile import NodeFile
from ports.errors import Code, Failure
from ports.nodeconfig import EMPTY, Selector, deny_list
from tests.support.eventually import eventually


def text(name: str) -> str:
    return f"apiVersion: knd/v1\nkind: NodeConfiguration\ndeny:\n- interfaces: [{name}]\n"


class Followed:
    """A file that is followed, with what it was told to deny."""

    def __init__(self, path: Path) -> None:
        self.file = NodeFile(str(path), "dra.net")
        self.told = 0
        self._thread = threading.Thread(target=self.file.follow, args=(self._changed,), daemon=True)
        self._thread.start()

    def denied(self) -> tuple[str, ...]:
        return tuple(each for selector in deny_list(self.file.config).selectors for each in selector.interfaces or ())

    def denies(self, name: str) -> None:
        eventually(lambda: self.denied() == (name,), 30)

    def ended(self) -> bool:
        self.file.close()
        self._thread.join(30)
        return not self._thread.is_alive()

    def _changed(self) -> None:
        self.told += 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "node.yaml"


@pytest.fixture
def followed(path: Path) -> Iterator[Followed]:
    made = Followed(path)
    yield made
    assert made.ended()


def mounted(directory: Path, number: int, content: str) -> None:
    """A new content of a ConfigMap as the kubelet writes it (AtomicWriter)."""
    directory.mkdir(parents=True, exist_ok=True)
    inner = directory / f"..2026_{number}"
    inner.mkdir()
    (inner / "node.yaml").write_text(content)
    (directory / "..data_tmp").symlink_to(inner.name)
    os.rename(directory / "..data_tmp", directory / "..data")
    if not (directory / "node.yaml").is_symlink():
        (directory / "node.yaml").symlink_to("..data/node.yaml")


def test_no_file_and_no_path_mean_all_devices(path: Path) -> None:
    assert NodeFile(str(path), "dra.net").config == EMPTY
    assert NodeFile("", "dra.net").config == EMPTY
    NodeFile("", "dra.net").follow(lambda: None)


def test_a_file_that_comes_later_with_its_directory_is_taken(followed: Followed, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(text("a"))
    followed.denies("a")
    path.write_text(text("b"))
    followed.denies("b")
    path.with_suffix(".new").write_text(text("c"))
    os.rename(path.with_suffix(".new"), path)
    followed.denies("c")
    path.unlink()
    eventually(lambda: followed.file.config == EMPTY, 30)


def test_the_exchange_of_a_config_map_is_noticed_every_time(followed: Followed, path: Path) -> None:
    for number in range(3):
        mounted(path.parent, number, text(f"n{number}"))
        followed.denies(f"n{number}")


def test_a_link_to_a_file_elsewhere_is_followed(tmp_path: Path, path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "file"
    real.write_text(text("a"))
    path.parent.mkdir()
    path.symlink_to(real)
    followed = Followed(path)
    assert followed.denied() == ("a",)
    real.write_text(text("b"))
    followed.denies("b")
    assert followed.ended()


def test_a_bad_file_keeps_the_last_good_one_in_force_and_says_why(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_text(text("a"))
    followed = Followed(path)
    bad = path.with_suffix(".new")  # renamed: a file that is being written is one with another mistake for a moment
    bad.write_text("apiVersion: knd/v1\nkind: NodeConfiguration\ndeny: [{macs: [x]}]")
    os.rename(bad, path)
    eventually(lambda: "deny[0].macs[0]: 'x' is no MAC address" in followed.file.problem, 30)
    assert followed.denied() == ("a",)
    assert followed.told == 1
    assert "the last good one stays in force" in caplog.text
    path.write_text(text("a"))
    eventually(lambda: not followed.file.problem, 30)
    eventually(lambda: followed.told == 2, 30)
    assert followed.ended()


def test_what_is_no_file_keeps_nobody_waiting(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    assert "is no regular file" in NodeFile(str(path), "dra.net").problem


@pytest.mark.parametrize(
    "content", [b"", b"a: [", b"\xff\xfe", b"x: 1", b"- 1", b"#" * (nodefile.MOST_BYTES + 1), None], ids=repr
)
def test_while_no_good_file_was_seen_nothing_is_in_force(
    path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    file = NodeFile(str(path), "dra.net")
    assert file.config is None
    assert str(path) in file.problem
    assert deny_list(file.config).selectors == (Selector(),)
    assert "nothing is in force" in caplog.text


def test_where_changes_cannot_be_watched_it_is_looked_at_now_and_then(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[str] = []

    def refuse(path: str) -> None:
        tried.append(path)
        raise Failure(Code.KERNEL, "watch", "no more")

    monkeypatch.setattr(nodefile, "PathChanges", refuse)
    monkeypatch.setattr(nodefile, "BLIND", 0.02)
    with caplog.at_level(logging.WARNING):
        followed = Followed(path)
        path.parent.mkdir()
        path.write_text(text("a"))
        followed.denies("a")
        eventually(lambda: len(tried) > 3, 30)
        assert followed.ended()
    assert caplog.text.count("watch: no more") == 1, "told at each look"
