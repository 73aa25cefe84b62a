"""Loading of published checkpoints: weights, tokenizer, chat template, image settings."""
