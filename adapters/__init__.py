"""One package per outside thing; each imports ``ports`` and its own library, and no other adapter."""
