"""Episodes: state machine, resets, liveness of the nodes they need, statistics. Pure."""
