"""A machine with a stock Debian kernel, emulated: for what needs PCI cards, SR-IOV, NUMA nodes, VRF or RDMA."""
