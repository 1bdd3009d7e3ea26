"""The only code that knows MongoDB.

Every call takes the workspace (but for the workers' claims, which go over all of them), takes and
gives domain values, and raises `StoreUnavailable` when the database cannot answer. Each query
names the index it relies on; the indexes stand in `database.py`. Shapes that are slow on the
embedded database (docs/decisions/0002_shapes_of_queries.md) are not used.
"""
