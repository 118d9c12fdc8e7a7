"""RDMA devices: NETLINK_RDMA in messages of our own (pyroute2 has none), and sysfs where that says more."""
