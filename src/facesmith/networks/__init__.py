"""The neural nets, as PyTorch modules. Only training and export import this package."""
