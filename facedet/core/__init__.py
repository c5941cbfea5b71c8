"""The rooms of the project: links to the folders of the same names at the top level."""
