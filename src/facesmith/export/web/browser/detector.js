// The face detector: propose on the whole photo, look again at patches, calibrate, each face once.
//
// As `facesmith.detection.detector`, step by step; the networks are run by whoever makes it.

import { clipped, corrected, decoded, hasArea, suppressed } from "./boxes.js";
import { cutSquares, patchSquare } from "./patches.js";
import { COARSER, decodingFactor, finestScale, nCoarser } from "./pyramid.js";
import { reduced, scaled } from "./resizing.js";
import { logit, minRawScore, probability, sigmoid } from "./scores.js";

const { fround } = Math;
const COARSEST_LOOK_HEIGHT = 0.4;
const COARSEST_LOOK_SCORE = 0.15;
const BATCH_SIZE = 32; // patches that the landmark network sees at once
const N_LANDMARKS = 5;

export class Detector {
  /**
   * @param {object} description What `detector.onnx` says of itself.
   * @param {{proposals: Function, refiner: Function, landmarks: Function}} networks
   *   `proposals(data, width, height)` gives the maps of `decoded`; `refiner(patches, n)` and
   *   `landmarks(patches, n)` give 5 and 15 numbers a patch, Float32Array; all asynchronous.
   * @param {number} landmarkContext See `patchSquare`.
   */
  constructor(description, networks, landmarkContext) {
    this.description = description;
    this.networks = networks;
    this.landmarkContext = landmarkContext;
  }

  /**
   * The faces in a photo.
   *
   * @param {object} photo The whole photo, BGR; see `resizing.js`.
   * @param {{minScore: number, landmarks: boolean}} options
   * @returns {Promise<{width: number, height: number, faces: object[]}>} As
   *   `facesmith detect --json` prints it.
   */
  async detect(photo, { minScore, landmarks }) {
    const { width, height } = photo;
    const longer = Math.max(width, height);
    const factor = decodingFactor(this.description, longer);
    // In place of a JPEG decoder that is asked for fewer pixels, which browsers do not have.
    const picture = factor > 1 ? reduced(photo, [factor, factor]) : photo;
    const reduction = Math.max(picture.width, picture.height) / longer;
    const scale = Math.min(finestScale(this.description, longer) / reduction, 2);
    const found = await this.#look(picture, scale, minScore);
    const faces = landmarks ? await this.#withLandmarks(picture, found) : found;
    const back = [width / picture.width, height / picture.height];
    return { width, height, faces: faces.map((face) => inFullSize(face, back, width, height)) };
  }

  async #look(picture, scale, minScore) {
    const { calibration } = this.description;
    const candidates = await this.#candidates(picture, minRawScore(calibration, minScore), scale);
    if (calibration.refiner_weight) await this.#refine(picture, candidates);
    const faces = candidates
      .map(({ box, raw, refined = 0 }) => ({
        box: clipped(box, picture.width, picture.height),
        score: fround(probability(calibration, fround(logit(raw)), refined)),
      }))
      .filter(({ box, score }) => score >= minScore && hasArea(box));
    if (!calibration.refiner_weight) return faces.sort((a, b) => b.score - a.score);
    return suppressed(faces, "score");
  }

  async #candidates(picture, minRaw, scale) {
    const { tallest_face } = this.description;
    const [wanted, sign] = [logit(minRaw), logit(COARSEST_LOOK_SCORE)].map(fround);
    const least = Math.min(wanted, sign);
    let { picture: pixels, scaleX, scaleY } = scaled(picture, scale);
    let found = await this.#propose(pixels, scaleX, scaleY, least);
    const n = nCoarser(this.description, pixels.height);
    for (let number = 1; number <= n; number++) {
      const tallest = tallest_face / scaleY;
      const large = (each) => tall(each) >= COARSEST_LOOK_HEIGHT * tallest && each.logit >= sign;
      if (number === n && !found.some(large)) break;
      pixels = reduced(pixels, [COARSER, COARSER]);
      [scaleX, scaleY] = [fround(scaleX / COARSER), fround(scaleY / COARSER)];
      const finer = found.filter((each) => tall(each) < tallest);
      const coarser = await this.#propose(pixels, scaleX, scaleY, least);
      found = [...finer, ...coarser.filter((each) => tall(each) >= tallest / 2)];
    }
    const inside = found
      .filter((each) => each.logit >= wanted)
      .map((each) => ({
        box: clipped(each.box, picture.width, picture.height),
        raw: fround(sigmoid(each.logit)),
      }))
      .filter(({ box }) => hasArea(box));
    return suppressed(inside, "raw");
  }

  async #propose(pixels, scaleX, scaleY, minLogit) {
    const { input_multiple: multiple, strides, box_unit } = this.description;
    const { data, width, height } = padded(pixels, multiple);
    const maps = await this.networks.proposals(data, width, height);
    const back = [fround(1 / scaleX), fround(1 / scaleY)];
    return decoded(maps, strides, box_unit, minLogit).map(({ box, logit }) => ({
      box: box.map((edge, i) => fround(edge * back[i % 2])),
      logit,
    }));
  }

  /** Give the candidates between the two scores of the gate a second look, in place. */
  async #refine(picture, candidates) {
    const { gate_lower, gate_upper, logit_above_gate, logit_below_gate } =
      this.description.calibration;
    const inside = [];
    for (const each of candidates) {
      each.refined = each.raw >= gate_upper ? logit_above_gate : logit_below_gate;
      if (each.raw < gate_upper && each.raw >= gate_lower) inside.push(each);
    }
    if (!inside.length) return;
    const patches = cutSquares(
      picture,
      inside.map(({ box }) => patchSquare(box)),
    );
    const outputs = await this.networks.refiner(patches, inside.length);
    inside.forEach((each, i) => {
      each.refined = outputs[5 * i];
      each.box = corrected(each.box, outputs.subarray(5 * i + 1, 5 * i + 5));
    });
  }

  async #withLandmarks(picture, faces) {
    const result = [];
    for (let start = 0; start < faces.length; start += BATCH_SIZE) {
      const some = faces.slice(start, start + BATCH_SIZE);
      const squares = some.map(({ box }) => patchSquare(box, this.landmarkContext));
      const outputs = await this.networks.landmarks(cutSquares(picture, squares), some.length);
      some.forEach((face, i) => {
        const values = outputs.subarray(15 * i, 15 * (i + 1));
        result.push({ ...face, ...landmarksOf(values, squares[i]) });
      });
    }
    return result;
  }
}

function landmarksOf(values, [x1, y1, x2, y2]) {
  const points = Array.from({ length: N_LANDMARKS }, (_, i) => [
    (x1 + x2) / 2 + values[2 * i] * (x2 - x1),
    (y1 + y2) / 2 + values[2 * i + 1] * (y2 - y1),
  ]);
  return { landmarks: points, landmark_scores: Array.from(values.slice(10), sigmoid) };
}

function tall({ box }) {
  return box[3] - box[1];
}

/** A picture in the upper left corner of one whose sides are divisible, black besides. */
function padded({ data, width, height }, multiple) {
  const [w, h] = [width, height].map((side) => Math.ceil(side / multiple) * multiple);
  if (w === width && h === height) return { data, width, height };
  const result = new Uint8Array(w * h * 3);
  for (let row = 0; row < height; row++) {
    result.set(data.subarray(row * width * 3, (row + 1) * width * 3), row * w * 3);
  }
  return { data: result, width: w, height: h };
}

function inFullSize({ box, score, landmarks, landmark_scores }, back, width, height) {
  const rounded = (value, digits) => Math.round(value * 10 ** digits) / 10 ** digits;
  const whole = clipped(
    box.map((edge, i) => edge * back[i % 2]),
    width,
    height,
  );
  return {
    box: whole.map((edge) => rounded(edge, 1)),
    score: rounded(score, 4),
    ...(landmarks && {
      landmarks: landmarks.map((point) => point.map((value, i) => rounded(value * back[i], 1))),
      landmark_scores: landmark_scores.map((each) => rounded(each, 4)),
    }),
  };
}
