// Boxes as JSON, CSV and COCO: what `facesmith detect` writes, for the faces that were kept.

const LANDMARK_NAMES = ["right_eye", "left_eye", "nose", "right_mouth", "left_mouth"];
const COLUMNS = ["file", "width", "height", "face", "x_min", "y_min", "x_max", "y_max", "score"];
const VISIBLE_SCORE = 0.5; // landmarks with at least this score count as visible in COCO

/**
 * One JSON object a line, as `facesmith detect --json` prints; faces that were drawn have
 * `"drawn": true` and the score 1. Files that could not be read have their `error` instead.
 *
 * @param {Array<{name: string, error: string, width: number, height: number, faces: object[]}>}
 *   photos
 * @returns {string}
 */
export function asJson(photos) {
  return photos
    .map(({ name, error, width, height, faces }) => {
      const found = error ? { error } : { width, height, faces: faces.map(plainFace) };
      return JSON.stringify({ file: name, ...found }) + "\n";
    })
    .join("");
}

function plainFace({ box, score, drawn, landmarks, landmark_scores }) {
  return {
    box,
    score,
    ...(landmarks && { landmarks }),
    ...(landmark_scores && { landmark_scores }),
    ...(drawn && { drawn }),
  };
}

/** A table with a row a face, as `facesmith detect --csv` writes; see `asJson`. */
export function asCsv(photos) {
  const faces = photos.flatMap((photo) => photo.faces);
  const withLandmarks = faces.some((face) => face.landmarks);
  const points = LANDMARK_NAMES.flatMap((name) =>
    ["x", "y", "score"].map((what) => `${name}_${what}`),
  );
  const rows = [withLandmarks ? [...COLUMNS, ...points] : COLUMNS];
  for (const { name, width, height, faces } of photos) {
    faces.forEach((face, index) => {
      const row = [name, width, height, index + 1, ...face.box, face.score];
      rows.push(withLandmarks ? [...row, ...landmarkCells(face)] : row);
    });
  }
  return rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}

function landmarkCells({ landmarks, landmark_scores }) {
  return LANDMARK_NAMES.flatMap((_, i) => {
    return landmarks ? [...landmarks[i], landmark_scores?.[i] ?? ""] : ["", "", ""];
  });
}

function cell(value) {
  let text = String(value);
  // A spreadsheet takes a name that begins like this for a formula.
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** COCO annotations with the one category `face`, of what could be read; see `asJson`. */
export function asCoco(photos) {
  const images = [];
  const annotations = [];
  for (const { name, error, width, height, faces } of photos) {
    if (error) continue;
    const image = { id: images.length + 1, file_name: name, width, height };
    images.push(image);
    for (const { box, score, landmarks, landmark_scores } of faces) {
      const [x, y, right, bottom] = box;
      const size = [tenths(right - x), tenths(bottom - y)];
      annotations.push({
        id: annotations.length + 1,
        image_id: image.id,
        category_id: 1,
        bbox: [x, y, ...size],
        area: size[0] * size[1],
        iscrowd: 0,
        score,
        ...(landmarks && {
          keypoints: landmarks.flatMap((point, i) => [...point, visibility(landmark_scores?.[i])]),
          num_keypoints: landmarks.length,
        }),
      });
    }
  }
  const withLandmarks = annotations.some((each) => each.keypoints);
  const category = { id: 1, name: "face", ...(withLandmarks && { keypoints: LANDMARK_NAMES }) };
  return JSON.stringify({ images, annotations, categories: [category] }) + "\n";
}

function visibility(score = 1) {
  return score >= VISIBLE_SCORE ? 2 : 1;
}

function tenths(value) {
  return Math.round(value * 10) / 10;
}
