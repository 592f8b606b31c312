"""Reads stores: clips, batches, and views, which turn them into the input of a network."""
