"""Tests against the real containerd and runc."""
