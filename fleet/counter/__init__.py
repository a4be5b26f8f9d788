"""The counter: what a scan means, and what a visit to it comes to."""
