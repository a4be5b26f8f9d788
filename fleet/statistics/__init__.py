"""The force's figures, day by day, kept as they were."""
