// Crops and anonymised photos, made in this browser from the photo's pixels.
//
// A canvas holds pixels only: date, place and thumbnail of the original are not in what comes out.

const CROP_MARGIN = 0.2; // of the box's sides, shown around it
const COVER_MARGIN = 0.2; // of the box's longer side, covered around it
const MOSAIC_CELLS = 6; // across the longer side: more would let a face be recognised
const JPEG_QUALITY = 0.95;

/** The photo on a canvas, upright, transparent parts on white. Throws where it cannot be read. */
export async function onCanvas(photo) {
  const image = await createImageBitmap(photo.file).catch(() => null);
  if (!image)
    throw new Error(`This browser cannot read ${photo.name}. Convert it to JPEG or PNG first.`);
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  image.close();
  return canvas;
}

/** What `facesmith detect --crops` cuts: each face with a margin, cut off at the border. */
export async function crops(photo, faces) {
  const whole = await onCanvas(photo);
  return Promise.all(
    faces.map(async ({ box: [x1, y1, x2, y2] }, index) => {
      const [dx, dy] = [(x2 - x1) * CROP_MARGIN, (y2 - y1) * CROP_MARGIN];
      const [left, right] = stretch(x1 - dx, x2 + dx, whole.width);
      const [top, bottom] = stretch(y1 - dy, y2 + dy, whole.height);
      const [width, height] = [right - left, bottom - top];
      const canvas = new OffscreenCanvas(width, height);
      canvas
        .getContext("2d", { alpha: false })
        .drawImage(whole, left, top, width, height, 0, 0, width, height);
      const content = await asFile(canvas, photo);
      return { name: `${stem(photo.name)}_face_${index + 1}${suffix(photo)}`, content };
    }),
  );
}

/**
 * The photo with its faces covered.
 *
 * @param {object} photo The photo.
 * @param {object[]} faces What to cover.
 * @param {"solid"|"mosaic"} fill Black, or squares of the mean colour.
 */
export async function anonymised(photo, faces, fill) {
  const canvas = await onCanvas(photo);
  const context = canvas.getContext("2d"); // the one that it has
  // All squares are made before any is painted: no face shows through another's mosaic.
  const covers = faces.map(({ box }) => covered(context, box, fill));
  for (const { part, left, top } of covers) context.putImageData(part, left, top);
  const content = await asFile(canvas, photo);
  return { name: `${stem(photo.name)}_anonymised${suffix(photo)}`, content };
}

function covered(context, [x1, y1, x2, y2], fill) {
  const more = Math.max(x2 - x1, y2 - y1) * COVER_MARGIN;
  const [left, right] = stretch(x1 - more, x2 + more, context.canvas.width);
  const [top, bottom] = stretch(y1 - more, y2 + more, context.canvas.height);
  const part = context.getImageData(left, top, right - left, bottom - top);
  if (fill === "mosaic") mosaic(part);
  else for (let at = 0; at < part.data.length; at += 4) part.data.set([0, 0, 0, 255], at);
  return { part, left, top };
}

/**
 * Squares of the mean colour in the place of a picture, in place.
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} picture RGBA.
 */
export function mosaic({ data, width, height }) {
  const side = Math.ceil(Math.max(width, height) / MOSAIC_CELLS);
  for (let top = 0; top < height; top += side) {
    for (let left = 0; left < width; left += side) {
      const [bottom, right] = [Math.min(top + side, height), Math.min(left + side, width)];
      const sum = [0, 0, 0];
      for (let y = top; y < bottom; y++) {
        for (let at = 4 * (y * width + left); at < 4 * (y * width + right); at += 4) {
          for (let channel = 0; channel < 3; channel++) sum[channel] += data[at + channel];
        }
      }
      const mean = sum.map((value) => Math.round(value / ((bottom - top) * (right - left))));
      for (let y = top; y < bottom; y++) {
        for (let at = 4 * (y * width + left); at < 4 * (y * width + right); at += 4) {
          data.set(mean, at);
          data[at + 3] = 255;
        }
      }
    }
  }
}

/** All pixels that a stretch touches, within the picture. */
function stretch(low, high, length) {
  const begin = Math.min(Math.max(Math.floor(low + 1e-3), 0), length - 1);
  return [begin, Math.min(Math.max(Math.ceil(high - 1e-3), begin + 1), length)];
}

async function asFile(canvas, photo) {
  const jpeg = suffix(photo) === ".jpg";
  const options = jpeg ? { type: "image/jpeg", quality: JPEG_QUALITY } : { type: "image/png" };
  const made = await canvas.convertToBlob(options).catch(() => null);
  if (made?.type !== options.type)
    throw new Error(`${photo.name} is too large for this browser to write.`);
  return made;
}

/** JPEGs stay JPEGs; whatever else becomes PNG, which loses nothing. */
function suffix(photo) {
  return photo.file.type === "image/jpeg" ? ".jpg" : ".png";
}

/** A file's name without its suffix. */
export function stem(name) {
  return name.replace(/(?<=.)\.[^.]*$/, "");
}

/** Files of which no two have the same name, even where case is ignored: a number tells them apart. */
export function withUniqueNames(files) {
  const taken = new Set();
  return files.map(({ name, content }) => {
    const [first, last] = [stem(name), name.slice(stem(name).length)];
    let unique = name;
    for (let number = 2; taken.has(unique.toLowerCase()); number++)
      unique = `${first}-${number}${last}`;
    taken.add(unique.toLowerCase());
    return { name: unique, content };
  });
}
