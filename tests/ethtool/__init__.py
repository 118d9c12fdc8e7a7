"""ethtool messages that no interface of a test machine gives."""
