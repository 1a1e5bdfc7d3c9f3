// Puts the page together: photos come in, the backend finds faces, the viewer shows them.

import { openBackend } from "./backend.js";
import { listenForCamera } from "./camera.js";
import { listenForPhotos } from "./intake.js";
import { MOST_PHOTOS, Photos } from "./photos.js";
import { Queue } from "./queue.js";
import { renderPanel } from "./panel.js";
import { save } from "./saving.js";
import { Strip } from "./strip.js";
import { Viewer } from "./viewer.js";
import { counted } from "./words.js";

const element = (id) => document.getElementById(id);
const photos = new Photos();
const viewer = new Viewer(photos, {
  room: element("room"),
  stage: element("stage"),
  photo: element("photo"),
  overlay: element("overlay"),
});
const strip = new Strip(photos, element("strip"));
const smallestScore = Number(element("threshold").min);
let queue = null;
let model = null;

start();

async function start() {
  photos.addEventListener("change", render);
  listen();
  render();
  try {
    const backend = await openBackend();
    model = backend.model;
    queue = new Queue(photos, backend, smallestScore);
    element("privacy").textContent = backend.privacy;
    element("version").textContent = `facesmith ${model.facesmith}`;
    element("threshold-all").hidden = model.find_all_threshold == null;
    element("landmarks-line").hidden = !model.landmarks;
    setThreshold(model.threshold);
    queue.add(photos.all);
  } catch (error) {
    notify(error.message);
  }
}

function listen() {
  listenForPhotos(
    { input: element("files"), choosers: [element("choose"), element("choose-again")] },
    take,
  );
  listenForCamera(
    {
      dialog: element("camera"),
      video: element("video"),
      error: element("camera-error"),
      openers: [element("open-camera"), element("open-camera-again")],
      taker: element("take"),
      closer: element("close-camera"),
    },
    take,
  );
  element("clear").addEventListener("click", clear);
  element("remove").addEventListener("click", () => {
    queue?.remove(photos.photo);
    photos.remove(photos.photo);
  });
  element("previous").addEventListener("click", () => photos.show(photos.current - 1));
  element("next").addEventListener("click", () => photos.show(photos.current + 1));
  element("threshold").addEventListener("input", (event) =>
    setThreshold(Number(event.target.value)),
  );
  element("threshold-default").addEventListener("click", () => setThreshold(model.threshold));
  element("threshold-all").addEventListener("click", () => setThreshold(model.find_all_threshold));
  element("landmarks").addEventListener("change", (event) => {
    photos.landmarks = event.target.checked;
    photos.changed();
  });
  element("draw").addEventListener("click", (event) => {
    // A click without a pointer came from the keyboard, which cannot drag.
    if (event.detail === 0) viewer.drawInMiddle();
    else setDrawing(!viewer.drawing);
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && setDrawing(false));
  element("overlay").addEventListener("pointerup", () => setTimeout(() => setDrawing(false)));
  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", () => saveAs(button.dataset.save));
  }
}

function take(files) {
  if (!files.length) return notify("Nothing that came in is a file. Choose photos instead.");
  const first = photos.all.length;
  const added = photos.add(files);
  const left = files.length - added.length;
  notify(
    left
      ? `The page takes ${MOST_PHOTOS} photos at once: ${counted(left, "file was", "files were")} left out.`
      : "",
  );
  if (!added.length) return;
  photos.show(first);
  queue?.add(added);
}

function clear() {
  queue?.clear();
  photos.clear();
  notify("");
  element("choose").focus();
}

function setThreshold(value) {
  photos.threshold = value;
  element("threshold").value = value;
  photos.changed();
}

function setDrawing(on) {
  viewer.drawing = on;
  element("draw").setAttribute("aria-pressed", String(on));
  render();
}

async function saveAs(kind) {
  const buttons = [...document.querySelectorAll("[data-save]")];
  const fill = document.querySelector("input[name=fill]:checked").value;
  photos.busy = true;
  photos.changed();
  try {
    say(await save(kind, photos, { fill, told: say }));
  } catch (error) {
    notify(error.message);
  }
  photos.busy = false;
  photos.changed();
  if (document.activeElement === document.body)
    buttons.find((each) => each.dataset.save === kind).focus();
}

function say(text) {
  photos.message = text;
  photos.changed();
}

function notify(text) {
  const notice = element("notice");
  notice.hidden = !text;
  notice.textContent = text;
}

function render() {
  const some = photos.all.length > 0;
  element("empty").hidden = some;
  element("work").hidden = !some;
  element("top-buttons").hidden = !some;
  document.body.classList.toggle("work-shown", some);
  viewer.render();
  strip.render();
  renderPanel(photos, model, viewer.drawing);
}
