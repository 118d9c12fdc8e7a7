"""The ledger as files, for those who may look but not write."""
