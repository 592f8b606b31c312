"""Draws the results of a run as pictures, charts and one HTML page. Arrays in, pixels and markup out; no torch."""
