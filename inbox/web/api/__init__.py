"""The REST API, one module a resource. docs/api.md is its description."""
