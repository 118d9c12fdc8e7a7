"""The API server, through the ``kubernetes`` package for configuration and transport and plain JSON for everything else.

The package's models are not used: they cost memory, hide fields they do not know, and differ between API versions.
"""
