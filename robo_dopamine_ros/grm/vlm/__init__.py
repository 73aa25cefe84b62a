"""Vision-language GRMs: the published models, which answer with a score as text."""
