"""The camera fleet service: the register, custody, and who did what."""
