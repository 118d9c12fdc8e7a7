"""The fake dataplane as a process: ``python -m tests.support.dataplane --runtime-dir DIR``, for tests without a kernel.

It serves both halves on the sockets of the real one and writes the same ledger, so it can be killed and started again.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from adapters.bus.dataplane import serve_attaching, serve_preparing
from adapters.ledger.reader import boot_id
from ports.places import Places
from tests.support.dataplane.fake import FakeDataplane
from tests.support.dataplane.host import OpenHost
from tests.support.ledger import FileLedger


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; ``serving`` on standard output says that it does."""
    parser = argparse.ArgumentParser(description="a dataplane whose host is a table")
    parser.add_argument("--runtime-dir", required=True)
    parser.add_argument("--cards", default="ens1,ens2", help="names of the host's cards")
    parser.add_argument("--delay", action="append", default=[], metavar="VERB=SECONDS", help="be slow")
    chosen = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="fake dataplane: %(message)s")
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    places = Places(chosen.runtime_dir)
    dataplane = FakeDataplane(
        host=OpenHost.with_cards(*chosen.cards.split(",")), ledger=FileLedger(Path(places.ledger), boot_id())
    )
    dataplane.resume()
    for verb, _, seconds in (each.partition("=") for each in chosen.delay):
        dataplane.faults.delay(verb, float(seconds))
    servers = (serve_preparing(places.prepare_socket, dataplane), serve_attaching(places.attach_socket, dataplane))
    for server in servers:
        server.start()
    print("serving", flush=True)
    told.wait()
    for server in servers:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
