"""Any form of a model behind one interface: open it, run it, describe it."""
