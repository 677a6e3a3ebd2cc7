"""drwatch: the witness for a MySQL or MariaDB warm standby. It watches, measures and pages; it never promotes."""

__version__ = "0.1.0"
