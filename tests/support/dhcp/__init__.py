"""DHCP servers for tests: real protocol, written apart from the client so that both cannot share a mistake."""
