// Boxes `[x_min, y_min, x_max, y_max]`: from the network's maps, corrected, and each face once.
//
// Arithmetic is done in 32 bits, step by step, as in Python: what a rounding decides, it decides
// alike in both.

const { fround } = Math;
export const NMS_IOU = 0.4;

/** A box cut off at the border of a picture. */
export function clipped([x1, y1, x2, y2], width, height) {
  const clip = (value, most) => Math.min(Math.max(value, 0), most);
  return [clip(x1, width), clip(y1, height), clip(x2, width), clip(y2, height)];
}

/** Whether a box has an area. */
export function hasArea([x1, y1, x2, y2]) {
  return x2 > x1 && y2 > y1;
}

/**
 * The boxes of the cells that reach a logit; see `facesmith.detection.decoding`.
 *
 * @param {Array<{data: Float32Array, rows: number, columns: number}>} maps One a stride: five
 *   planes, the logit, the centre across and down, the logarithms of width and height.
 * @param {number[]} strides Pixels.
 * @param {number} unit Strides that a logarithm of 0 stands for.
 * @param {number} minLogit
 * @returns {Array<{box: number[], logit: number}>} Pixels of the network's input.
 */
export function decoded(maps, strides, unit, minLogit) {
  const found = [];
  maps.forEach(({ data, rows, columns }, level) => {
    const stride = strides[level];
    const n = rows * columns;
    for (let cell = 0; cell < n; cell++) {
      if (!(data[cell] >= minLogit)) continue;
      const x = fround(fround(data[n + cell] + (cell % columns) + 0.5) * stride);
      const y = fround(fround(data[2 * n + cell] + Math.floor(cell / columns) + 0.5) * stride);
      const [dx, dy] = [3, 4].map((plane) => {
        const size = Math.min(Math.max(data[plane * n + cell], -5), 5);
        return fround(fround(Math.exp(size)) * fround(stride * fround(unit / 2)));
      });
      const box = [x - dx, y - dy, x + dx, y + dy].map(fround);
      found.push({ box, logit: data[cell] });
    }
  });
  return found;
}

/** A box corrected by the refiner's outputs; see `facesmith.detection.refiner`. */
export function corrected([x1, y1, x2, y2], deltas) {
  const side = Math.max(fround(x2 - x1), fround(y2 - y1));
  const x = fround(fround(x1 + x2) / 2 + fround(deltas[0] * side));
  const y = fround(fround(y1 + y2) / 2 + fround(deltas[1] * side));
  const [dx, dy] = [deltas[2], deltas[3]].map((delta) => {
    return fround(fround(Math.exp(Math.min(Math.max(delta, -1), 1))) * side) / 2;
  });
  return [x - dx, y - dy, x + dx, y + dy].map(fround);
}

/** Intersection over union of two boxes. */
export function iou(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (area(a) + area(b) - shared);
}

function area([x1, y1, x2, y2]) {
  return Math.max(x2 - x1, 0) * Math.max(y2 - y1, 0);
}

/**
 * The candidates that none with a higher score overlaps by more than `NMS_IOU`, best first.
 *
 * @param {Array<{box: number[]}>} candidates
 * @param {string} score The property that holds their score.
 */
export function suppressed(candidates, score) {
  const order = [...candidates].sort((a, b) => {
    if (a[score] !== b[score]) return b[score] - a[score];
    const edge = a.box.findIndex((value, i) => value !== b.box[i]);
    return edge < 0 ? 0 : a.box[edge] - b.box[edge];
  });
  const kept = [];
  for (const each of order) {
    if (!kept.some((better) => iou(better.box, each.box) > NMS_IOU)) kept.push(each);
  }
  return kept;
}
