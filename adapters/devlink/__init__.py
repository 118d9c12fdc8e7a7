"""What the kernel's devlink family tells of a card."""
