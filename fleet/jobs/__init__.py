"""Jobs: what the service does by itself. ``table`` names them; ``scheduler`` runs them in a process of its own."""
