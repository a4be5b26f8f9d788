"""Who has which camera: issue, return, what stands in the way, and the counter where it happens."""
