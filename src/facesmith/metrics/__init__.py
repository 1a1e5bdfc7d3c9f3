"""How good are scores: ROC, average precision, thresholds, reliability. Arrays in, arrays out."""
