"""Drawing: what a run found, as pictures, charts and one HTML page. Arrays in, pixels and markup out; no torch."""
