"""Any switching of offloads and its model against one contract."""
