// From logits to the probability of a face; as `facesmith.detection.calibration`.

/** Log odds of a score in [0, 1]. */
export function logit(score) {
  const clipped = Math.min(Math.max(score, 1e-9), 1 - 1e-9);
  return Math.log(clipped / (1 - clipped));
}

/** The score of log odds. */
export function sigmoid(logits) {
  return 1 / (1 + Math.exp(-Math.min(Math.max(logits, -80), 80)));
}

/**
 * The probability of a face.
 *
 * @param {object} calibration As the weights file holds it.
 * @param {number} proposal Logit of the proposal.
 * @param {number} refiner Logit of the refiner; 0 without one.
 */
export function probability(calibration, proposal, refiner) {
  const { proposal_weight = 1, refiner_weight = 0, offset = 0, knots = [] } = calibration;
  const logits = proposal_weight * proposal + refiner_weight * refiner + offset;
  const plain = sigmoid(logits);
  return knots.length ? 0.999 * onCurve(logits, knots) + 0.001 * plain : plain;
}

function onCurve(x, knots) {
  const after = knots.findIndex(([at]) => at > x);
  if (after === 0) return knots[0][1];
  if (after < 0) return knots[knots.length - 1][1];
  const [[x1, y1], [x2, y2]] = [knots[after - 1], knots[after]];
  return y1 + ((x - x1) / (x2 - x1)) * (y2 - y1);
}

/**
 * A raw score below which no proposal reaches `minScore`, so that it may be left out.
 *
 * @param {object} calibration
 * @param {number} minScore
 */
export function minRawScore(calibration, minScore) {
  const { candidate_score: least = 0.05, gate_lower = 0, refiner_weight = 0 } = calibration;
  let highest = refiner_weight ? gate_lower - 1e-6 : 1;
  if ((calibration.proposal_weight ?? 1) < 0) highest = least;
  highest = Math.max(least, highest);
  const refiner = refiner_weight ? (calibration.logit_below_gate ?? 0) : 0;
  const raw = Array.from({ length: 64 }, (_, i) => least + (i / 63) * (highest - least));
  const below = raw.findIndex((each) => probability(calibration, logit(each), refiner) >= minScore);
  return raw[Math.max((below < 0 ? raw.length : below) - 1, 0)];
}
