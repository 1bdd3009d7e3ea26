"""Values and rules: no await, no clock, no import from outside this package."""
