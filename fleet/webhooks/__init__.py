"""Telling other systems what happened: subscriptions to events of the log, and their deliveries."""
