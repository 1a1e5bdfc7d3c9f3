// The scales at which a photo is looked at; as `facesmith.detection.pyramid`.

export const COARSER = 3;
export const SPARE_SIZE = 2; // photos may be decoded smaller, to this many times the finest look
const MAX_FACES_ALONG_SIDE = 80;
const MAX_ENLARGEMENT = 2;
const MAX_SMALL_PHOTO_ENLARGEMENT = 1.5;

/**
 * The factor by which a photo is scaled for the finest look.
 *
 * @param {{smallest_face: number, enlarged_to: number}} description Of the weights.
 * @param {number} longer The longer side of the photo, pixels.
 */
export function finestScale({ smallest_face, enlarged_to }, longer) {
  const enlarged = Math.min(Math.max(enlarged_to / longer, 1), MAX_SMALL_PHOTO_ENLARGEMENT);
  const minFace = Math.max(smallest_face / enlarged, longer / MAX_FACES_ALONG_SIDE);
  return Math.min(smallest_face / minFace, MAX_ENLARGEMENT);
}

/** By how much a photo may be reduced before anything else: 1, 2, 4 or 8. */
export function decodingFactor(description, longer) {
  const scale = finestScale(description, longer);
  return [8, 4, 2].find((factor) => SPARE_SIZE * scale <= 1 / factor) ?? 1;
}

/** How many coarser looks follow a finest look of so many rows. */
export function nCoarser({ tallest_face }, rows) {
  let n = 0;
  for (; rows > tallest_face; n++) rows = Math.ceil(rows / COARSER);
  return n;
}
