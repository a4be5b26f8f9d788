"""What a store does with many cameras at once: stocktakes, kits, bulk acts."""
