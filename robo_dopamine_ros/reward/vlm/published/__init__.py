"""Opening a published checkpoint: weights, tokenizer, chat template, pictures."""
