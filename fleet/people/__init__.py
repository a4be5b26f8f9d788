"""Officers, their teams and their training."""
