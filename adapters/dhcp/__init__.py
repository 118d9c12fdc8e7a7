"""DHCP's way to the wire: packet sockets (privileged), the handing over of them, and the channel made of one (not)."""
