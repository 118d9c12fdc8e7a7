"""The DRA frontend's numbers, in a registry of their own, exposed as Prometheus text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 45.0)  # 45 s: the kubelet's limit


class Metrics:
    """``ports.metrics.Meter`` for the metrics declared here; any other name is a defect and only logged."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._counters = {
            name: Counter(name, text, labels, registry=self.registry)
            for name, text, labels in (
                ("knd_claims", "Claims answered to the kubelet.", ("call", "result")),
                ("knd_attaches", "Outcomes of attaches, one a claim and try.", ("result",)),
                ("knd_slice_writes", "Writes of ResourceSlices.", ("action", "result")),
                ("knd_status_writes", "Writes of claim status.", ("result",)),
                ("knd_registrations", "Registrations by the kubelet.", ()),
                ("knd_health_changes", "Changes of the health of devices.", ("condition", "to")),
                ("knd_provider_detections", "Looks for the platform, by what was found.", ("result",)),
                ("knd_provider_reads", "Looks at the platform's metadata.", ("provider", "result")),
                ("knd_provider_descriptions", "Descriptions of devices by the platform.", ("provider", "result")),
                ("knd_dhcp_exchanges", "Conversations with DHCP servers.", ("call", "family", "result")),
                ("knd_profile_calls", "Calls of the profile provider.", ("call", "result")),
                ("knd_profile_orphans", "Claims with profiles that ended without an Unprepare.", ()),
            )
        }
        self._histograms = {
            name: Histogram(name, text, ("call",), buckets=BUCKETS, registry=self.registry)
            for name, text in (
                ("knd_claim_seconds", "Time to answer one claim to the kubelet."),
                ("knd_profile_call_seconds", "Time of one call of the profile provider."),
            )
        }
        self._gauges = {
            name: Gauge(name, text, labels, registry=self.registry)
            for name, text, labels in (
                ("knd_published_devices", "Devices in this node's ResourceSlices.", ()),
                ("knd_published_rdma_devices", "Of these, the ones with RDMA.", ()),
                ("knd_last_published_time_seconds", "When the API server was last known to have them all.", ()),
                ("knd_attributes_left_out", "Values of devices that are not published as they are.", ("reason",)),
                ("knd_devices", "Devices of this node by health.", ("health",)),
                ("knd_unhealthy_devices", "Devices with which something is wrong.", ("condition",)),
                (
                    "knd_node_config_valid",
                    "1 when the node configuration file is in force, 0 when it has mistakes.",
                    (),
                ),
                ("knd_missed_events", "Audits of this watcher that found what no event of the kernel had told.", ()),
                ("knd_status_pending", "Attach outcomes that are not in their claim's status yet.", ()),
                ("knd_dhcp_leases", "Leases of DHCP servers that claims have.", ()),
                ("knd_profile_grants", "Devices with configuration that a profile gave.", ()),
                ("knd_profile_releases_pending", "Of profiles that are ended, those not taken back yet.", ()),
            )
        }

    def count(self, name: str, **labels: str) -> None:
        """One more."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc()

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """One more of this duration."""
        self._histograms[name].labels(**labels).observe(seconds)

    def show(self, name: str, value: float, **labels: str) -> None:
        """The value as it is now."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def text(self) -> bytes:
        """Everything in the text exposition format."""
        return generate_latest(self.registry)
