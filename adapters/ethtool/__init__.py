"""Features and private flags of interfaces, by ethtool's generic netlink family."""
