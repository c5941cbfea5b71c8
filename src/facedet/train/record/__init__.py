"""What a training run records: losses and metrics, tables, pictures, scalars, the report."""
