"""One module per method; its name is the method's name in a configuration, its ``STAGES`` are its Localizers."""
