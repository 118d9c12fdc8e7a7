"""What sysfs knows of the host's hardware."""
