"""Schemas as dataclasses whose fields say what they mean: read strictly, checked and published from the same values."""
