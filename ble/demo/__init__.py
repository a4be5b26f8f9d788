"""The demonstration: simulated Tasers and cameras around a real station, in one process that keeps step with the clock.

Its devices live in a folder beside the service. Orders come in as files there, and what is going on is written back.
"""
