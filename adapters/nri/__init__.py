"""The container runtime's side: ttrpc and the Node Resource Interface, for which there is no Python library."""
