"""Commands for a person at a node: what would be published of it, and how it is wired inside. No cluster is needed."""
