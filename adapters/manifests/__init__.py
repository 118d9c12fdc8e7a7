"""Kubernetes manifests from files, read as the API server's tools read them."""
