"""Stand-ins for what knd talks to, small but speaking the real protocols over real sockets: for the demo and the tests."""
