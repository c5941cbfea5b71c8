"""How the network ships, and the proof that it is the same."""
