"""What the tests of NRI share: hooks that record, a runtime by script, recorded streams."""
