"""The kernel's network configuration over rtnetlink: blocking sockets with deadlines, messages written out by hand."""
