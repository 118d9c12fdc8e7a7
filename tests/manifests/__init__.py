"""The manifests, rendered by the real kustomize and held against the API server's own schemas."""
