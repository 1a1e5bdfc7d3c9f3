"""Better training data: label errors, hard negatives, box styles."""
