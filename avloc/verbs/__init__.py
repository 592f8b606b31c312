"""One module per command, with a function of the same name: what `avloc X` does, callable as `avloc.X`."""
