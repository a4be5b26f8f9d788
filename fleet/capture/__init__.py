"""Activations: what is known of each, from whichever side, and whether it was filmed."""
