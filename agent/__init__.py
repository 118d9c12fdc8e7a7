"""The unprivileged side: decides what to do, and talks to the kubelet, the API server and the container runtime."""
