"""Visits to the counter: what was issued in each, that the officer has it, and the receipt."""
