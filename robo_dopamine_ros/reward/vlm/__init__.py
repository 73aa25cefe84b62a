"""The published GRMs: vision-language models that answer with a score in words."""
