"""A process that is told to end does so, whatever of it hangs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

BEGIN = """
import logging, sys, threading, time
from agent import endings
endings.LAST = 1
endings.block()
logging.basicConfig(stream=sys.stderr)
"""
READY = "print('ready', flush=True)\n"
HANGS = {
    "its start": READY + "time.sleep(1000)",
    "the lock of its log": """
def hold():
    logging.getLogger().handlers[0].acquire()
    print('ready', flush=True)
    time.sleep(1000)
threading.Thread(target=hold, daemon=True).start()
endings.wait()
endings.leave()
""",
    "a library that holds the interpreter": """
import ctypes
print('ready', flush=True)
endings.wait()
ctypes.PyDLL(None).sleep(1000)
""",
}


def ended(script: str, number: int) -> int:
    """The status of a process that was told so."""
    with subprocess.Popen([sys.executable, "-c", BEGIN + script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(number)
            return process.wait(60)
        finally:
            process.kill()


@pytest.mark.parametrize("script", HANGS.values(), ids=HANGS)
def test_the_kernel_ends_what_hangs(script: str) -> None:
    assert ended(script, signal.SIGTERM) == -signal.SIGALRM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_does_not_hang_ends_by_itself(number: int) -> None:
    assert ended(READY + "endings.wait()\nendings.leave()", number) == 0
