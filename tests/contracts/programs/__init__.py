"""Any control of eBPF programs and its model against one contract."""
