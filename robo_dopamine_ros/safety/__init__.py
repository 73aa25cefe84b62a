"""Motion safety: command validation, arbitration of the sources, motion limits, watchdogs."""
