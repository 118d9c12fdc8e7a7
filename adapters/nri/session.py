"""One connection to the runtime, from registration to its end; a new one is made for each attempt."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace

from adapters.nri import names
from adapters.nri.connection import Connection
from adapters.nri.guard import Guard
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.service import Service
from adapters.nri.status import Closed, Refusal
from ports.frontends import RuntimeState
from ports.inbound import RuntimeHooks

HANDSHAKE_LIMIT = 30.0  # seconds; a runtime takes plugins one after the other and gives each up to 5 s
LINGER = 0.5  # seconds for an answer to leave before the connection is closed


class Session:
    """Registers on a connected socket and serves the runtime until the connection ends."""

    def __init__(self, sock: socket.socket, name: str, index: str, hooks: RuntimeHooks, guard: Guard) -> None:
        self._name = name
        self._index = index
        self._service = Service(hooks, guard, self._give_up)
        self._connection = Connection(
            sock,
            serves=names.PLUGIN_CHANNEL,
            calls=names.RUNTIME_CHANNEL,
            methods=self._service.methods(),
            label="knd-nri",
        )

    @property
    def state(self) -> RuntimeState:
        """The connection as it is now."""
        state, why = self._service.state, self._connection.why
        return replace(state, connected=False, detail=why) if why else state

    def serve(self) -> str:
        """Register, then serve until the end; why it ended."""
        self._connection.start()  # before registering: Configure may come before the answer to it
        self._register()
        if not self._connection.wait(HANDSHAKE_LIMIT) and not self._service.state.connected:
            self.close(f"the runtime sent no list of pods within {HANDSHAKE_LIMIT:g} s")
        self._connection.wait()
        return self._connection.why

    def close(self, why: str) -> None:
        """End it from our side."""
        self._connection.close(why)

    def _register(self) -> None:
        request = nri.RegisterPluginRequest(plugin_name=self._name, plugin_idx=self._index)
        payload = request.SerializeToString()
        try:
            self._connection.call(names.RUNTIME_SERVICE, "RegisterPlugin", payload, HANDSHAKE_LIMIT)
        except Refusal as reason:
            self.close(f"not registered: {reason}")  # the runtime keeps such a connection open, without events
        except Closed:
            return

    def _give_up(self, why: str) -> None:
        timer = threading.Timer(LINGER, self.close, args=(why,))
        timer.daemon = True
        timer.start()
