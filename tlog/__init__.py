"""A transparency log as RFC 9162 and C2SP describe it: trees, tiles, signed checkpoints, and how to check them.

Knows nothing of the service that keeps the log. It needs Python and ``cryptography``, so that an auditor can run it
on a machine of their own: ``python -m tlog --help``.
"""
