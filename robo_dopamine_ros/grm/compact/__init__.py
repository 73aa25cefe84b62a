"""The compact GRM: a small multi-view network that learns a task from one demonstration."""
