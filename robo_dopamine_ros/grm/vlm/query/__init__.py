"""The queries of a GRM: prompt, token layout, answer grammar, decoding of the answer."""
