"""Tests of knd; one package an area."""
