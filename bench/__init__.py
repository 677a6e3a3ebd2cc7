"""Figures, measured side by side on real servers; never timed tests. Each module prints its table and its last line."""
