"""One-shot adaptation of a published GRM: hops of a demonstration, LoRA, a merged checkpoint."""
