"""One-shot adaptation: hops of a demonstration, LoRA, and the checkpoint that comes of it."""
