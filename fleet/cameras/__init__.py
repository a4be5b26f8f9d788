"""The register of cameras: what each is, what its device last said, and its life cycle."""
