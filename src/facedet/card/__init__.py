"""The card of a model: what it is, where it comes from, how good it is, as a page for people and for model hubs."""
