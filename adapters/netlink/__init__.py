"""The kernel's network configuration over rtnetlink: blocking sockets with deadlines, pyroute2's message classes as codec."""
