"""What `FunctionApproximator` warns of."""


class ExtrapolationWarning(UserWarning):
    """Inputs lie outside the range of the training inputs, where nothing vouches for a net."""


class LargeTableWarning(UserWarning):
    """A table is so large that its nets were chosen on a part of its rows."""
