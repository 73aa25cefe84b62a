"""Facts of each arm and how to speak to its driver, one file each."""
