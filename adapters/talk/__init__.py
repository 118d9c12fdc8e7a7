"""Plain netlink conversations and work inside another namespace, shared by the adapters that speak netlink by themselves."""
