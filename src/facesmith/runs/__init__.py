"""What every task leaves on disk: run folder, settings, log, TensorBoard."""
