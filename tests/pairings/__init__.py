"""Tests of pairings, stations and activations."""
