"""What every implementation of the RDMA control does."""
