// Cuts the 64x64 patches that refiner and landmark network see; as `facesmith.detection.patches`.

import { resized } from "./resizing.js";

export const PATCH_SIZE = 64;
export const CONTEXT = 0.3; // by how much a patch is wider than the longer side of its box

/** The square about a box that its patch shows. */
export function patchSquare([x1, y1, x2, y2], context = CONTEXT) {
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const half = (Math.max(x2 - x1, y2 - y1) * (1 + context)) / 2;
  return [x - half, y - half, x + half, y + half].map(Math.fround);
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
  squares.forEach((square, number) => {
    cutSquare(picture, square, patches.subarray(number * each, (number + 1) * each));
  });
  return patches;
}

function cutSquare(picture, square, patch) {
  const ranges = [picture.width, picture.height].map((limit, axis) => {
    const low = square[axis];
    const step = (square[axis + 2] - low) / PATCH_SIZE;
    const clip = (value, least, most) => Math.min(Math.max(value, least), most);
    // The patch pixels that lie wholly inside the picture, at least the one nearest to it.
    const first = clip(Math.ceil(-low / step), 0, PATCH_SIZE - 1);
    const last = clip(Math.floor((limit - low) / step), first + 1, PATCH_SIZE);
    const start = clip(low + first * step, 0, limit - 1);
    const end = clip(low + last * step, start + Math.min(step, 1), limit);
    return { first, last, start, end };
  });
  const [x, y] = ranges;
  const box = [x.start, y.start, x.end, y.end];
  const filled = resized(picture, x.last - x.first, y.last - y.first, box);
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
