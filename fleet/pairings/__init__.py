"""Pairing a Taser with a camera: stations, their jobs, the keys that sign permits, and the pairings themselves."""
