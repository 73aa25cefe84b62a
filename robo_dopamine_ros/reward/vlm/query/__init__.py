"""What a model is asked, token by token, and how its answer is read."""
