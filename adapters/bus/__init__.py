"""The bus: typed commands and the inventory feed between the processes of one host, over ZeroMQ on Unix sockets."""
