"""The register of Tasers."""
