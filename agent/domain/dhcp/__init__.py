"""The client's side of DHCP for IPv4 (RFC 2131) and IPv6 (RFC 8415): bytes and states, without sockets and clocks."""
