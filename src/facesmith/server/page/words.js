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
 * @param {Array<{threshold: number, precision: number}>|null} points Measured on photos that were
 *   held out from training, by rising threshold; null: nothing was measured.
 */
export function thresholdWords(threshold, points) {
  const precision = precisionAt(threshold, points);
  if (precision === null) {
    return `Each box shown is a face with a probability of at least ${scoreText(threshold)}.`;
  }
  const faces = Math.round(precision * 100);
  if (faces >= 100) return "Nearly every box shown is a face; some faces may be missed.";
  return `About ${faces} of 100 boxes shown are faces.`;
}

/** Precision at a threshold, between the measured points; null where nothing was measured. */
export function precisionAt(threshold, points) {
  if (!points?.length) return null;
  const after = points.findIndex((point) => point.threshold >= threshold);
  if (after === 0) return points[0].precision;
  if (after < 0) return points[points.length - 1].precision;
  const [low, high] = [points[after - 1], points[after]];
  const part = (threshold - low.threshold) / (high.threshold - low.threshold);
  return low.precision + part * (high.precision - low.precision);
}
