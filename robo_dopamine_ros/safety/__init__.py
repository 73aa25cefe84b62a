"""What the arm is really told: refuse, limit, explain; and who is in charge."""
