"""Secure pairing of Tasers and cameras, and the activation beacon, over Bluetooth Low Energy."""
