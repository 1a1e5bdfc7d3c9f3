// Everything in words around the photo: its name, counts, progress, what the threshold means.

import { keptFaces, shownFaces } from "./photos.js";
import { counted, thresholdWords } from "./words.js";

const finger = matchMedia("(pointer: coarse)");
const element = (id) => document.getElementById(id);

/**
 * Bring the words up to date.
 *
 * @param {Photos} photos The photos.
 * @param {object|null} model What the backend says of its weights; null before it is ready.
 * @param {boolean} drawing Whether boxes are being drawn.
 */
export function renderPanel(photos, model, drawing) {
  const { photo, all, current, threshold } = photos;
  for (const id of ["previous", "next", "remove"]) element(id).hidden = all.length < 2;
  element("previous").disabled = current === 0;
  element("next").disabled = current >= all.length - 1;
  element("draw").hidden = photo?.state !== "done";
  element("threshold-value").textContent = threshold.toFixed(2);
  element("threshold-words").textContent = thresholdWords(threshold, model?.precision);
  if (photo) renderPhoto(photos, model, drawing);
  renderCounts(photos);
}

function renderPhoto({ photo, all, current, threshold }, model, drawing) {
  element("photo-name").textContent = photo.name;
  element("photo-name").title = photo.name;
  const facts = [];
  if (photo.width) facts.push(`${photo.width} × ${photo.height}`);
  if (all.length > 1) facts.push(`${current + 1} of ${all.length}`);
  element("photo-facts").textContent = facts.join(" · ");
  element("photo-error").hidden = photo.state !== "failed";
  element("photo-error").textContent = photo.error;
  element("wait").hidden = photo.state === "done" || photo.state === "failed";
  const wait = model ? "Looking for faces" : "Starting";
  element("wait-text").textContent = photo.busy ? "The server is busy; trying again" : wait;
  element("hint").textContent = hint(photo, threshold, drawing);
}

function hint(photo, threshold, drawing) {
  if (photo.state !== "done") return "";
  if (photo.unseen)
    return "This browser cannot show the picture. Its boxes can be saved all the same.";
  if (drawing)
    return finger.matches ? "Draw across the face." : "Drag across the face. Escape ends it.";
  const [leave, draw] = finger.matches
    ? ["Tap a box to leave it out. ", ""]
    : ["Click a box to leave it out. ", "Drag to draw one that was missed."];
  return `${shownFaces(photo, threshold).length ? leave : ""}${draw}`;
}

function renderCounts(photos) {
  const { all, threshold } = photos;
  const done = all.filter((photo) => photo.state === "done");
  const failed = all.filter((photo) => photo.state === "failed");
  const finished = done.length + failed.length;
  const n = done.reduce((sum, photo) => sum + keptFaces(photo, threshold).length, 0);
  element("count").textContent = n;
  element("count-words").textContent =
    all.length > 1
      ? `${n === 1 ? "face" : "faces"} in ${counted(done.length, "photo")}`
      : n === 1
        ? "face"
        : "faces";
  element("progress").hidden = all.length < 2 || finished === all.length;
  element("progress").max = Math.max(all.length, 1);
  element("progress").value = finished;
  const covered = done.length > 1 ? "Anonymised photos" : "Anonymised photo";
  element("anonymised").textContent = covered;
  for (const button of document.querySelectorAll("[data-save]")) {
    button.disabled =
      photos.busy ||
      finished < all.length ||
      done.length === 0 ||
      (button.dataset.save === "crops" && n === 0);
  }
  const status = statusText(all.length, finished, failed.length, n);
  if (status !== photos.lastStatus) photos.message = "";
  photos.lastStatus = status;
  const text = photos.message || status;
  if (element("status").textContent !== text) element("status").textContent = text;
}

function statusText(nPhotos, nFinished, nFailed, nFaces) {
  if (!nPhotos) return "";
  if (nFinished < nPhotos)
    return nPhotos > 1 ? `${nFinished} of ${nPhotos} photos done` : "Looking for faces";
  const failed = nFailed ? ` ${counted(nFailed, "file")} could not be read.` : "";
  if (nPhotos === nFailed) return failed.trim();
  return nFaces ? `Done.${failed}` : `No face found. A lower threshold shows more boxes.${failed}`;
}
