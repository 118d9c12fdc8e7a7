"""What happens when somebody calls: use cases over the ports, with the domain deciding."""
