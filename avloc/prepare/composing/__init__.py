"""The parts of `avloc prepare compose`: what pictures and sounds there are, who is with whom, scenes drawn and rendered."""
