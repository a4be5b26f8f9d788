"""How fast it is, beside references measured in the same run. ``make bench``."""
