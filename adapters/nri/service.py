"""What a runtime asks of its plugin: NRI's methods, each turned into a hook and answered in time.

Until NRI 0.12 a pod's events come as StateChange with a number, since then under names of their own; both lead to the
same hooks. A method that is not here is answered "unimplemented" by the connection, which a runtime of 0.12 takes as the
sign to use StateChange; any other code would fail the pod.

Nothing here calls back into the runtime: it holds one lock around all of NRI while it waits for us.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from adapters.nri import names, rpc, translate
from adapters.nri.connection import Methods
from adapters.nri.guard import Guard, Overrun, answer_by, hook_deadline
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.status import Refusal, Status, refusal
from ports.errors import Failure
from ports.frontends import RuntimeState
from ports.inbound import Adjustment, Container, PodSandbox, RuntimeHooks

log = logging.getLogger("knd.nri")

EVENTS = names.mask(nri.RUN_POD_SANDBOX, nri.STOP_POD_SANDBOX, nri.REMOVE_POD_SANDBOX, nri.CREATE_CONTAINER)
DEFAULT_TIMEOUT = 2.0  # what a runtime means that tells none (NRI before 0.7)

PodHook = Callable[[PodSandbox, float], None]

# Not subscribed to. A runtime that calls them all the same takes no "unimplemented" here: it would fail the container.
_UNUSED = ("UpdateContainer", "StopContainer", "UpdatePodSandbox", "ValidateContainerAdjustment")


class Service:
    """The plugin's end of one connection. ``give_up`` is called when the connection is of no more use."""

    def __init__(self, hooks: RuntimeHooks, guard: Guard, give_up: Callable[[str], None]) -> None:
        self._hooks = hooks
        self._guard = guard
        self._give_up = give_up
        self._pod_hooks: dict[nri.Event, PodHook] = {
            nri.RUN_POD_SANDBOX: hooks.run_pod_sandbox,
            nri.STOP_POD_SANDBOX: hooks.stop_pod_sandbox,
            nri.REMOVE_POD_SANDBOX: hooks.remove_pod_sandbox,
        }
        self._sandboxes: list[PodSandbox] = []
        self._containers: list[Container] = []
        self._state = RuntimeState(connected=False, detail="registering", request_timeout=DEFAULT_TIMEOUT)

    @property
    def state(self) -> RuntimeState:
        """What is known of the runtime; connected after the first complete Synchronize."""
        return self._state

    def methods(self) -> Methods:
        """The methods by their names on the wire."""
        table: dict[str, Callable[[rpc.Call], bytes]] = {
            "Configure": self._configure,
            "Synchronize": self._synchronize,
            "CreateContainer": self._create_container,
            "StateChange": self._state_change,
            "Shutdown": self._shutdown,
            **{names.DEDICATED[event]: self._dedicated(event) for event in self._pod_hooks},
            **dict.fromkeys(_UNUSED, _nothing),
        }
        return {(names.PLUGIN_SERVICE, method): handler for method, handler in table.items()}

    def _configure(self, call: rpc.Call) -> bytes:
        request = rpc.decode(nri.ConfigureRequest, call.payload)
        timeout = request.request_timeout / 1000 if request.request_timeout > 0 else DEFAULT_TIMEOUT
        self._state = RuntimeState(
            connected=False,
            runtime=request.runtime_name,
            version=request.runtime_version,
            request_timeout=timeout,
            detail="waiting for the runtime's list of pods",
        )
        log.info("%s %s allows %g s a request", request.runtime_name, request.runtime_version, timeout)
        return nri.ConfigureResponse(events=EVENTS).SerializeToString()

    def _synchronize(self, call: rpc.Call) -> bytes:
        part = rpc.decode(nri.SynchronizeRequest, call.payload)
        self._sandboxes += [translate.listed_sandbox(pod, self._state.runtime) for pod in part.pods]
        self._containers += [translate.container(container) for container in part.containers]
        if part.more:
            return nri.SynchronizeResponse(more=True).SerializeToString()
        sandboxes, containers = tuple(self._sandboxes), tuple(self._containers)
        self._sandboxes, self._containers = [], []
        self._reconcile(sandboxes, containers, call)
        known = self._state
        self._state = RuntimeState(
            connected=True, runtime=known.runtime, version=known.version, request_timeout=known.request_timeout
        )
        log.info("connected: %d sandboxes, %d containers", len(sandboxes), len(containers))
        return b""

    def _reconcile(self, sandboxes: tuple[PodSandbox, ...], containers: tuple[Container, ...], call: rpc.Call) -> None:
        until = answer_by(call.received, self._limit(call))
        try:
            self._guard.run("synchronize", lambda: self._hooks.synchronize(sandboxes, containers), until)
        except Overrun as overrun:
            log.error("the list of pods is still being looked at: %s", overrun)
        except Failure as failed:
            self._give_up(f"synchronize failed: {failed}")  # NRI 0.6 would keep a dead connection open
            raise refusal(failed) from failed

    def _state_change(self, call: rpc.Call) -> bytes:
        change = rpc.decode(nri.StateChangeEvent, call.payload)
        if change.event in self._pod_hooks:
            self._pod_event(change.event, change.pod, call)
        else:
            log.debug("event %d is none of ours", change.event)
        return b""

    def _dedicated(self, event: nri.Event) -> Callable[[rpc.Call], bytes]:
        def serve(call: rpc.Call) -> bytes:
            self._pod_event(event, rpc.decode(nri.PodRequest, call.payload).pod, call)
            return b""

        return serve

    def _pod_event(self, event: nri.Event, pod: nri.PodSandbox, call: rpc.Call) -> None:
        """One event of a pod. OK unless the hook refuses: what is unfinished or broken is stopped at CreateContainer."""
        hook, sandbox, limit = self._pod_hooks[event], translate.pod_sandbox(pod), self._limit(call)
        deadline, name = hook_deadline(call.received, limit), names.DEDICATED[event]
        try:
            self._guard.run(name, lambda: hook(sandbox, deadline), answer_by(call.received, limit))
        except Overrun as overrun:
            log.error("%s answered unfinished: %s", name, overrun, extra={"pod": str(sandbox.pod)})
        except Failure as failed:
            raise refusal(failed) from failed
        except Exception:
            log.exception("%s answered, but it failed", name, extra={"pod": str(sandbox.pod)})

    def _create_container(self, call: rpc.Call) -> bytes:
        request = rpc.decode(nri.CreateContainerRequest, call.payload)
        sandbox, container = translate.pod_sandbox(request.pod), translate.container(request.container)
        limit = self._limit(call)
        deadline = hook_deadline(call.received, limit)

        def work() -> Adjustment:
            return self._hooks.create_container(sandbox, container, deadline)

        try:
            adjustment = self._guard.run("CreateContainer", work, answer_by(call.received, limit))
        except Overrun as overrun:
            text = f"{sandbox.pod}: container {container.name} is refused for now: {overrun} (it is tried again)"
            raise Refusal(Status.DEADLINE_EXCEEDED, text) from overrun
        except Failure as failed:
            raise refusal(failed) from failed
        return translate.adjusted(adjustment).SerializeToString()

    def _shutdown(self, _call: rpc.Call) -> bytes:
        log.info("the runtime shuts down")
        return b""

    def _limit(self, call: rpc.Call) -> float:
        configured = self._state.request_timeout
        return configured if call.timeout is None else min(configured, call.timeout)


def _nothing(_call: rpc.Call) -> bytes:
    return b""
