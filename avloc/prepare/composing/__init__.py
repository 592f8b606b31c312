"""The parts of `avloc prepare compose`: pictures and sounds, their classes and splits, drawing and rendering."""
