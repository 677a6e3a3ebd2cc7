"""The shell: it looks, keeps, judges, commits and sends, in that order, and decides nothing."""
