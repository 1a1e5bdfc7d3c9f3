// Saves what the buttons name: boxes, crops and anonymised photos of all photos on the page.

import { asCoco, asCsv, asJson } from "./formats.js";
import { keptFaces } from "./photos.js";
import { anonymised, crops, withUniqueNames } from "./pictures.js";
import { counted } from "./words.js";
import { zipped } from "./zip.js";

const BOXES = {
  json: { name: "faces.jsonl", type: "application/jsonl", write: asJson },
  csv: { name: "faces.csv", type: "text/csv", write: asCsv },
  coco: { name: "faces.coco.json", type: "application/json", write: asCoco },
};

/**
 * Save one kind of result.
 *
 * @param {string} kind `json`, `csv`, `coco`, `crops` or `anonymised`.
 * @param {Photos} photos The photos.
 * @param {{fill: string, told: Function}} options `told` is called with what is being done.
 * @returns {Promise<string>} What was saved, in words.
 */
export async function save(kind, photos, { fill, told }) {
  if (kind in BOXES) {
    const { name, type, write } = BOXES[kind];
    const plain = photos.all.map((photo) => ({
      ...photo,
      faces: keptFaces(photo, photos.threshold),
    }));
    download(name, new Blob([write(plain)], { type }));
    return `Saved ${name}.`;
  }
  const done = photos.all.filter((photo) => photo.state === "done");
  const files = [];
  const failures = [];
  for (const [index, photo] of done.entries()) {
    if (done.length > 1) told(`Making pictures: photo ${index + 1} of ${done.length}.`);
    const faces = keptFaces(photo, photos.threshold);
    try {
      if (kind === "anonymised") files.push(await anonymised(photo, faces, fill));
      else if (faces.length) files.push(...(await crops(photo, faces)));
    } catch (error) {
      failures.push(error.message);
    }
  }
  return [await saveFiles(kind, files), ...failures].join(" ");
}

async function saveFiles(kind, files) {
  if (!files.length) return "Nothing was saved.";
  if (files.length === 1) {
    download(files[0].name, files[0].content);
    return `Saved ${files[0].name}.`;
  }
  download(`${kind}.zip`, await zipped(withUniqueNames(files)));
  const what = kind === "crops" ? counted(files.length, "crop") : counted(files.length, "photo");
  return `Saved ${kind}.zip with ${what}.`;
}

function download(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
