// Resizes pictures as the Python package does, to the last bit: as Pillow's BILINEAR where a
// picture is enlarged or cut, as `facesmith.detection.resizing` where one is shrunk.
//
// A picture is `{data, width, height}`: `data` a Uint8Array of rows of pixels, three bytes each.

const LARGEST_BLOCK = 32;
const EXACT = 0.001;
const TOLERANCE = 0.02;
const PRECISION = 2 ** 22; // weights of Pillow are whole numbers of this many parts

/** A whole number, halves to the even one, as Python rounds. */
export function roundHalfEven(value) {
  const up = Math.floor(value + 0.5);
  return up - value === 0.5 && up % 2 ? up - 1 : up;
}

/**
 * A picture at about another scale.
 *
 * @param {object} picture
 * @param {number} scale The factor; met to 2 %.
 * @returns {{picture: object, scaleX: number, scaleY: number}} With the factors that it has really
 *   been scaled by.
 */
export function scaled(picture, scale) {
  const found = fraction(scale);
  if (found) {
    const [kept, of] = found;
    const factor = Math.fround(kept / of);
    return { picture: shrunk(picture, kept, of), scaleX: factor, scaleY: factor };
  }
  const { width, height } = picture;
  const size = [width, height].map((side) => Math.max(roundHalfEven(side * scale), 1));
  return {
    picture: resized(picture, size[0], size[1], [0, 0, width, height]),
    scaleX: Math.fround(size[0] / width),
    scaleY: Math.fround(size[1] / height),
  };
}

/** A scale up to 1 as a fraction of the smallest numbers; null above 1 and without one. */
export function fraction(scale) {
  if (scale > 1) return null;
  for (const tolerance of [EXACT, TOLERANCE]) {
    for (let of = 1; of <= LARGEST_BLOCK; of++) {
      const kept = roundHalfEven(scale * of);
      if (Math.abs(kept - scale * of) <= tolerance * scale * of) return [kept, of];
    }
  }
  return null;
}

/** A picture in which `kept` pixels stand for each `of`, down and across. */
export function shrunk(picture, kept, of) {
  if (kept === of) return picture;
  const { weights, total, margin } = blockWeights(kept, of);
  const taps = (length) => blockTaps(weights, kept, of, margin, length);
  const factor = Math.fround(1 / total);
  const rounded = new Uint8Array(255 * total + 1);
  for (let sum = 0; sum < rounded.length; sum++) {
    rounded[sum] = roundHalfEven(Math.fround(sum * factor));
  }
  const whole = (sum) => rounded[sum];
  return across(down(picture, taps(picture.height), whole), taps(picture.width), whole);
}

/** The weights of a block: rows of whole numbers that sum to `total`. */
function blockWeights(kept, of) {
  const margin = Math.ceil((of - kept) / (2 * kept));
  const seen = of + 2 * margin;
  const rows = Array.from({ length: kept }, (_, row) => {
    const after = ((row + 0.5) * of) / kept;
    const weights = Array.from({ length: seen }, (_, i) => {
      return Math.max(1 - (Math.abs(i - margin + 0.5 - after) * kept) / of, 0);
    });
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / sum);
  });
  const total = Math.floor(254 / Math.max(...rows.flat()));
  const weights = rows.map((row) => {
    const whole = row.map((weight) => roundHalfEven(weight * total));
    whole[whole.indexOf(Math.max(...whole))] += total - whole.reduce((a, b) => a + b, 0);
    return whole;
  });
  return { weights, total, margin };
}

function blockTaps(weights, kept, of, margin, length) {
  const n = Math.ceil((length * kept) / of);
  return Array.from({ length: n }, (_, i) => {
    const row = weights[i % kept];
    const first = row.findIndex((weight) => weight > 0);
    const last = row.findLastIndex((weight) => weight > 0);
    const start = Math.floor(i / kept) * of - margin + first;
    return { start, weights: row.slice(first, last + 1) };
  });
}

/**
 * A part of a picture in another size, as Pillow resizes with BILINEAR and `reducing_gap=2`.
 *
 * @param {object} picture
 * @param {number} width Pixels of the result.
 * @param {number} height Pixels of the result.
 * @param {number[]} box Left, top, right and bottom of the part, pixels of the picture.
 * @param {number[]} [seen] The part that Pillow is given, which `box` lies in, whole pixels.
 */
export function resized(picture, width, height, box, seen = [0, 0, picture.width, picture.height]) {
  const steps = [(box[2] - box[0]) / width, (box[3] - box[1]) / height];
  const factors = steps.map((step) => Math.floor(step / 2) || 1);
  let sides = [seen[2] - seen[0], seen[3] - seen[1]];
  if (factors[0] > 1 || factors[1] > 1) {
    const from = [0, 1].map((i) => Math.max(Math.floor(box[i] - steps[i] / 2), seen[i]));
    const to = [0, 1].map((i) => Math.min(Math.ceil(box[i + 2] + steps[i] / 2), seen[i + 2]));
    picture = reduced(picture, factors, [...from, ...to]);
    sides = [picture.width, picture.height];
    box = box.map((edge, i) => (edge - from[i % 2]) / factors[i % 2]);
  }
  const [left, top, right, bottom] = box.map(Math.fround);
  const whole = (sum) => (sum + PRECISION / 2) >> 22;
  const columns = linearTaps(picture.width, left, right, width);
  const rows = linearTaps(picture.height, top, bottom, height);
  picture = onlySeen(picture, columns, rows);
  // Which comes first decides over the rounding of the last bit. This is Pillow 13's choice where
  // the width does not shrink; where both do, it is not known, and a level may differ.
  if (sides[1] > height && sides[0] <= width)
    return across(down(picture, rows, whole), columns, whole);
  return down(across(picture, columns, whole), rows, whole);
}

function linearTaps(length, low, high, n) {
  const scale = Math.fround(high - low) / n;
  const support = Math.max(scale, 1);
  return Array.from({ length: n }, (_, i) => {
    const centre = low + (i + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), length);
    const weights = Array.from({ length: end - start }, (_, k) => {
      return Math.max(1 - Math.abs((k + start - centre + 0.5) * (1 / support)), 0);
    });
    const sum = weights.reduce((a, b) => a + b, 0) || 1;
    return {
      start,
      weights: weights.map((weight) => Math.floor(0.5 + (weight / sum) * PRECISION)),
    };
  });
}

/** The part of a picture that taps see; they are changed to count from its corner. */
function onlySeen({ data, width }, columns, rows) {
  const [[left, right], [top, bottom]] = [columns, rows].map((taps) => {
    const first = Math.min(...taps.map(({ start }) => start));
    const end = Math.max(...taps.map(({ start, weights }) => start + weights.length));
    for (const tap of taps) tap.start -= first;
    return [first, end];
  });
  const part = new Uint8Array((right - left) * (bottom - top) * 3);
  for (let y = top, to = 0; y < bottom; y++, to += (right - left) * 3) {
    part.set(data.subarray((y * width + left) * 3, (y * width + right) * 3), to);
  }
  return { data: part, width: right - left, height: bottom - top };
}

/**
 * A part of a picture in which one pixel stands for each block, as Pillow's `reduce`.
 *
 * @param {object} picture
 * @param {number[]} factors Pixels of a block across and down.
 * @param {number[]} [box] The part, whole pixels: left, top, right, bottom.
 */
export function reduced({ data, width, height }, factors, box = [0, 0, width, height]) {
  const [left, top, right, bottom] = box;
  const size = [Math.ceil((right - left) / factors[0]), Math.ceil((bottom - top) / factors[1])];
  const result = new Uint8Array(size[0] * size[1] * 3);
  let at = 0;
  for (let row = 0; row < size[1]; row++) {
    const y1 = top + row * factors[1];
    const y2 = Math.min(y1 + factors[1], bottom);
    for (let column = 0; column < size[0]; column++) {
      const x1 = left + column * factors[0];
      const x2 = Math.min(x1 + factors[0], right);
      let [a, b, c] = [0, 0, 0];
      for (let y = y1; y < y2; y++) {
        const end = (y * width + x2) * 3;
        for (let from = (y * width + x1) * 3; from < end; from += 3) {
          a += data[from];
          b += data[from + 1];
          c += data[from + 2];
        }
      }
      const n = (y2 - y1) * (x2 - x1);
      const multiplier = Math.floor(Math.fround(2 ** 24 / n));
      const half = Math.floor(n / 2);
      result[at++] = ((a + half) * multiplier) / 2 ** 24;
      result[at++] = ((b + half) * multiplier) / 2 ** 24;
      result[at++] = ((c + half) * multiplier) / 2 ** 24;
    }
  }
  return { data: result, width: size[0], height: size[1] };
}

/** Each row of the result is a weighted sum of rows; those beyond the border repeat it. */
function down({ data, width, height }, taps, whole) {
  const length = width * 3;
  const result = new Uint8Array(taps.length * length);
  const sums = new Int32Array(length);
  taps.forEach(({ start, weights }, row) => {
    sums.fill(0);
    for (let k = 0; k < weights.length; k += 4) {
      // Four rows at once: to go over the sums takes as long as to multiply.
      const [a, b, c, d] = [0, 1, 2, 3].map((next) => weights[k + next] ?? 0);
      const [p, q, r, s] = [0, 1, 2, 3].map((next) => {
        return Math.min(Math.max(start + k + next, 0), height - 1) * length;
      });
      for (let i = 0; i < length; i++) {
        sums[i] += a * data[p + i] + b * data[q + i] + c * data[r + i] + d * data[s + i];
      }
    }
    const to = row * length;
    for (let i = 0; i < length; i++) result[to + i] = whole(sums[i]);
  });
  return { data: result, width, height: taps.length };
}

/** Each column of the result is a weighted sum of columns; see `down`. */
function across({ data, width, height }, taps, whole) {
  const most = Math.max(...taps.map(({ weights }) => weights.length));
  const n = taps.length;
  const flat = new Int32Array(n * most);
  const places = new Int32Array(n * most);
  taps.forEach(({ start, weights }, i) => {
    for (let k = 0; k < most; k++) {
      flat[i * most + k] = weights[k] ?? 0;
      places[i * most + k] = 3 * Math.min(Math.max(start + k, 0), width - 1);
    }
  });
  const result = new Uint8Array(n * height * 3);
  let at = 0;
  for (let row = 0; row < height; row++) {
    const line = row * width * 3;
    for (let i = 0, tap = 0; i < n; i++) {
      let a = 0;
      let b = 0;
      let c = 0;
      for (let k = 0; k < most; k++, tap++) {
        const weight = flat[tap];
        const from = line + places[tap];
        a += weight * data[from];
        b += weight * data[from + 1];
        c += weight * data[from + 2];
      }
      result[at++] = whole(a);
      result[at++] = whole(b);
      result[at++] = whole(c);
    }
  }
  return { data: result, width: n, height };
}
