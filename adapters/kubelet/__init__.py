"""The kubelet's protocols: plugin registration and Dynamic Resource Allocation, both gRPC over Unix sockets that we serve.

gRPC's fork handlers are switched off before the library loads: we never fork after import, and they cost a lock each.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
