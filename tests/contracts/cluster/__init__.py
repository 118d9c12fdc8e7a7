"""The contract of ``ports.cluster.Cluster``, held by the fake and by the adapter in front of an API server."""
