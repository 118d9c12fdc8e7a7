"""Generated from ``cri.proto``: ``make protos`` makes it anew."""
