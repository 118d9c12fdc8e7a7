"""DHCP's way to the wire: packet sockets and the relay before them (privileged), and the channel at its other end (not)."""
