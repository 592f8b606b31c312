"""What reads a store: clips, batches, and views, which turn them into what a network sees and hears."""
