"""The regressor: nets trained to second order and a Gaussian process, chosen by evidence."""
