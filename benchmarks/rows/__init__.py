"""The measurements: one module for each kind, each with `measure(bench)` for one round of it."""
