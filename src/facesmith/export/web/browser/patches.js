// Cuts the 64x64 patches that refiner and landmark network see; as `facesmith.detection.patches`.

import { resized } from "./resizing.js";

const { fround } = Math;
export const PATCH_SIZE = 64;
export const CONTEXT = 0.3; // by how much a patch is wider than the longer side of its box

/** The square about a box that its patch shows. */
export function patchSquare([x1, y1, x2, y2], context = CONTEXT) {
  // Each step in 32 bits, as in Python: at the border a rounding decides over a row of pixels.
  const [x, y] = [fround(x1 + x2) / 2, fround(y1 + y2) / 2];
  const side = Math.max(fround(x2 - x1), fround(y2 - y1));
  const half = fround(side * fround((1 + context) / 2));
  return [x - half, y - half, x + half, y + half].map(fround);
}

/**
 * Cut squares out of a picture. Beyond its border the outermost pixels are repeated.
 *
 * @param {object} picture See `resizing.js`.
 * @param {number[][]} squares Left, top, right, bottom of each.
 * @returns {Uint8Array} `squares.length` patches of 64 rows of 64 pixels.
 */
export function cutSquares(picture, squares) {
  const each = PATCH_SIZE * PATCH_SIZE * 3;
  const patches = new Uint8Array(squares.length * each);
  const ranges = squares.map((square) => rangesOf(picture, square));
  const seen = partsSeen(ranges);
  ranges.forEach((range, number) => {
    const patch = patches.subarray(number * each, (number + 1) * each);
    fill(patch, picture, range, seen[number]);
  });
  return patches;
}

/** Across and down: which pixels of the patch lie inside the picture, and what they show. */
function rangesOf(picture, square) {
  return [picture.width, picture.height].map((limit, axis) => {
    const low = square[axis];
    const step = (square[axis + 2] - low) / PATCH_SIZE;
    const clip = (value, least, most) => Math.min(Math.max(value, least), most);
    // The patch pixels that lie wholly inside the picture, at least the one nearest to it.
    const first = clip(Math.ceil(-low / step), 0, PATCH_SIZE - 1);
    const last = clip(Math.floor((limit - low) / step), first + 1, PATCH_SIZE);
    const start = clip(low + first * step, 0, limit - 1);
    const end = clip(low + last * step, start + Math.min(step, 1), limit);
    const margin = Math.ceil(Math.max(step, 1)) + 2;
    const seen = [
      Math.max(Math.floor(start) - margin, 0),
      Math.min(Math.ceil(end) + margin, limit),
    ];
    return { first, last, start, end, seen };
  });
}

/** The part of the picture that Pillow is given for each patch: left, top, right, bottom. */
function partsSeen(ranges) {
  const parts = ranges.map(([x, y]) => [x.seen[0], y.seen[0], x.seen[1], y.seen[1]]);
  const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
  const all = [0, 1, 2, 3].map((edge) => {
    return parts.reduce(
      (a, part) => (edge < 2 ? Math.min : Math.max)(a, part[edge]),
      edge < 2 ? Infinity : 0,
    );
  });
  const sum = parts.reduce((total, part) => total + area(part), 0);
  return sum > area(all) ? parts.map(() => all) : parts;
}

function fill(patch, picture, [x, y], seen) {
  const box = [x.start, y.start, x.end, y.end];
  const filled = resized(picture, x.last - x.first, y.last - y.first, box, seen);
  for (let row = 0; row < PATCH_SIZE; row++) {
    const fromRow = Math.min(Math.max(row - y.first, 0), filled.height - 1) * filled.width;
    for (let column = 0; column < PATCH_SIZE; column++) {
      const from = 3 * (fromRow + Math.min(Math.max(column - x.first, 0), filled.width - 1));
      const to = 3 * (row * PATCH_SIZE + column);
      patch[to] = filled.data[from];
      patch[to + 1] = filled.data[from + 1];
      patch[to + 2] = filled.data[from + 2];
    }
  }
}
