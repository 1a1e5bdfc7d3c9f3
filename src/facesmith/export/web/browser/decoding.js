// Large photos are reduced before anything else, as the Python package has them decoded smaller.

import { reduced, weighted } from "./resizing.js";

const BLOCK = 8; // pixels of a JPEG's block

/**
 * A photo at a half, a quarter or an eighth of its size.
 *
 * @param {{jpeg: boolean}} photo A picture, see `resizing.js`, and whether it was a JPEG.
 * @param {number} factor 2, 4 or 8.
 */
export function decodedSmaller(photo, factor) {
  if (!photo.jpeg) return reduced(photo, [factor, factor]);
  const rows = blockWeights(BLOCK / factor);
  const taps = (length) => {
    return Array.from({ length: Math.ceil(length / factor) }, (_, i) => {
      const start = Math.floor(i / rows.length) * BLOCK;
      return { start, weights: rows[i % rows.length] };
    });
  };
  return weighted(photo, taps(photo.width), taps(photo.height));
}

/**
 * What a JPEG decoder makes of a block's 8 pixels when it is asked for fewer: it leaves out the
 * high frequencies. `n` rows of 8 weights.
 *
 * Source: T.81, A.3.3 (the transform); libjpeg's reduced-size inverse transforms do the same.
 */
function blockWeights(n) {
  const wave = (u, place, length) => Math.cos(((2 * place + 1) * u * Math.PI) / (2 * length));
  return Array.from({ length: n }, (_, i) => {
    return Array.from({ length: BLOCK }, (_, k) => {
      let sum = 1;
      for (let u = 1; u < n; u++) sum += 2 * wave(u, k, BLOCK) * wave(u, i, n);
      return sum / BLOCK;
    });
  });
}
