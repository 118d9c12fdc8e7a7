"""One run of a guest: boot, carry out one command as root, pass on what it writes, and its exit status."""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.vm import qemu
from tests.vm.kernel import GUEST, Kernel

FOLDER = "/run/knd-vm"  # the folder of the run, inside
BOOT_SECONDS = 300.0
WITH_US = ("setpriv", "--pdeathsig", "KILL")  # the guest ends with this process, however that ends
PASSED_ON = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "TERM", "NO_COLOR", "FORCE_COLOR", "CI")
PREFIXES = ("KND_", "PYTEST_", "COVERAGE_")


class Broken(Exception):
    """The guest did not come to the end of its command; the text holds the end of its console."""


class Guest:
    """A guest that is about to boot. ``folder`` is shared with it, as ``FOLDER`` inside."""

    def __init__(self, kernel: Kernel, folder: Path) -> None:
        self._kernel = kernel
        self.folder = folder

    def run(self, command: list[str], environment: Mapping[str, str], seconds: float) -> int:
        """Boot, run the command in this process's directory, and return its status; its output goes to ours."""
        shutil.copy(GUEST / "main.sh", self.folder)
        (self.folder / "command.sh").write_text(_script(command, environment))
        started = time.monotonic()
        with self._process() as (process, output):
            for text in self._output(process, output, started, seconds):
                sys.stdout.buffer.write(text)
                sys.stdout.flush()
        if not (self.folder / "status").exists():
            raise Broken(f"the guest ended before its command did; the end of its console:\n{self._console()}")
        return int((self.folder / "status").read_text())

    @contextmanager
    def _process(self) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        output, into = os.pipe()
        errors = (self.folder / "qemu.log").open("wb")
        words = [*WITH_US, *qemu.command(self._kernel, self.folder, into)]
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, pass_fds=[into], start_new_session=True
        )
        os.close(into)
        try:
            yield process, output
        finally:
            process.kill()
            process.wait()
            os.close(output)
            errors.close()

    def _output(self, process: subprocess.Popen[bytes], output: int, started: float, seconds: float) -> Iterator[bytes]:
        told = started
        while True:
            ready, _, _ = select.select([output], [], [], 1.0)
            if ready:
                text = os.read(output, 65536)
                if not text:
                    return
                yield text
            passed = time.monotonic() - started
            booted = (self.folder / "booted").exists()
            if passed > seconds or (passed > BOOT_SECONDS and not booted):
                raise Broken(f"the guest is not done after {passed:.0f} s; the end of its console:\n{self._console()}")
            if not booted and time.monotonic() - told > 10:
                told = time.monotonic()
                yield f"vm: booting for {passed:.0f} s\n".encode()

    def _console(self) -> str:
        texts = (self.folder / name for name in ("qemu.log", "console.log"))
        return "".join(path.read_text(errors="replace")[-3000:] for path in texts if path.exists())

    def complaints(self) -> list[str]:
        """What the guest's kernel found wrong with itself: no test may make it do so."""
        signs = ("BUG:", "WARNING: ", "Oops", "general protection", "Kernel panic", "INFO: task")
        lines = (self.folder / "console.log").read_text(errors="replace").splitlines()
        return [line.strip() for line in lines if any(sign in line for sign in signs)]

    def boot_seconds(self) -> float:
        """How long the guest took until its command began."""
        return float((self.folder / "booted").read_text().split()[0])


def _script(command: list[str], environment: Mapping[str, str]) -> str:
    passed_on = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith(PREFIXES)}
    settings = [f"{name}={value}" for name, value in {**passed_on, **environment}.items()]
    return (
        f"cd {shlex.quote(os.getcwd())} || exit 126\nexec {shlex.join(['/usr/bin/env', '-i', *settings, *command])}\n"
    )


@contextmanager
def guest(kernel: Kernel) -> Iterator[Guest]:
    """A guest with a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="knd-vm-") as folder:
        yield Guest(kernel, Path(folder))
