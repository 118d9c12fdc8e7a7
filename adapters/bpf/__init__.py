"""eBPF programs on interfaces: the bpf(2) system call, and rtnetlink for tc filters and XDP."""
