"""Metadata servers of clouds and a site's own webhook: one small HTTP client, one module a platform."""
