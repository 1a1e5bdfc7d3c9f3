// Numbers in words.

/** "1 face", "2 faces". */
export function counted(n, one, many = `${one}s`) {
  return `${n} ${n === 1 ? one : many}`;
}

/** A score as people read it: two digits, and never 1.00 for what is not certain. */
export function scoreText(score) {
  return Math.min(Math.floor(score * 100 + 1e-6) / 100, 0.99).toFixed(2);
}

/**
 * What a threshold means, in words.
 *
 * @param {number} threshold The threshold.
 * @param {Array<{score: number, precision: number, recall: number}>|null} points Measured on photos
 *   that no training saw; null: nothing was measured.
 */
export function thresholdWords(threshold, points) {
  const sorted = [...(points ?? [])].sort((a, b) => a.score - b.score);
  const last = sorted[sorted.length - 1];
  if (!last)
    return `Each box shown is a face with a probability of at least ${threshold.toFixed(2)}.`;
  const faces = hundredths(between(threshold, sorted, "precision"));
  const found = hundredths(between(threshold, sorted, "recall"));
  // Beyond the measured points it is known only on which side of them the shares lie.
  const below = threshold < sorted[0].score - 0.01;
  const above = threshold > last.score + 0.01;
  const shareFound = `${below ? "more than " : above ? "fewer than " : ""}${found}`;
  return `${below ? "Fewer than" : "About"} ${faces} of 100 boxes are faces, and ${shareFound} of 100 faces are found.`;
}

/**
 * A share at a threshold, between the measured ones: both as log odds, in which scores and shares
 * rise evenly. Beyond the measured ones it stays as it is.
 */
export function between(threshold, points, name) {
  const after = points.findIndex((point) => point.score >= threshold);
  if (after === 0) return points[0][name];
  if (after < 0) return points[points.length - 1][name];
  const [low, high] = [points[after - 1], points[after]];
  const part =
    (logOdds(threshold) - logOdds(low.score)) / (logOdds(high.score) - logOdds(low.score));
  const [from, to] = [logOdds(low[name]), logOdds(high[name])];
  return 1 / (1 + Math.exp(-(from + part * (to - from))));
}

function logOdds(share) {
  const clipped = Math.min(Math.max(share, 1e-4), 1 - 1e-4);
  return Math.log(clipped / (1 - clipped));
}

function hundredths(share) {
  return Math.min(Math.round(share * 100), 99);
}
