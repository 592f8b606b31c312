"""What the commands share: the Run folder, the experiment a configuration describes, and the loop that trains."""
