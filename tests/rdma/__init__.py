"""NETLINK_RDMA, message by message, and what sysfs tells."""
