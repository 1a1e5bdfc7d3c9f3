// Shows one photo with its boxes: select, leave out, draw, all by mouse, finger and keyboard.

import { shownFaces } from "./photos.js";
import { scoreText } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const SMALLEST_DRAWN = 6; // CSS pixels
const TAG_HEIGHT = 18;
const NARROWEST_WITH_DOTS = 28; // CSS pixels; on smaller faces dots hide the face
const LARGEST_ENLARGEMENT = 3; // of small photos
const LEAST_HEIGHT = 220; // CSS pixels for the photo, however low the window

export class Viewer {
  #address = null; // of the photo's pixels
  #shown = null; // the photo that `#address` belongs to
  #scale = 1; // CSS pixels a pixel of the photo
  #draft = null;

  constructor(photos, elements) {
    this.photos = photos;
    this.elements = elements;
    new ResizeObserver(() => this.#layOut()).observe(elements.room);
    window.addEventListener("resize", () => this.#layOut());
    elements.photo.addEventListener("load", () => {
      elements.stage.classList.remove("loading");
      this.#layOut();
    });
    elements.photo.addEventListener("error", () => {
      if (this.#shown) photos.update(this.#shown, { unseen: true });
    });
    this.#listen();
  }

  /** Whether a finger or mouse draws wherever it begins, on boxes too. */
  set drawing(on) {
    this.elements.stage.classList.toggle("drawing", on);
  }

  get drawing() {
    return this.elements.stage.classList.contains("drawing");
  }

  render() {
    const { photo } = this.photos;
    const { stage, photo: image } = this.elements;
    if (photo !== this.#shown) {
      if (this.#address) URL.revokeObjectURL(this.#address);
      this.#shown = photo;
      this.#address = photo ? URL.createObjectURL(photo.file) : null;
      stage.classList.add("loading"); // until then the browser shows the photo before
      if (photo) image.src = this.#address;
      else image.removeAttribute("src");
    }
    stage.classList.toggle("unseen", photo?.unseen ?? false);
    image.alt = photo ? `Photo ${photo.name}` : "";
    this.#layOut();
  }

  /** Put a new box in the middle of the photo, for those who draw with the keyboard. */
  drawInMiddle() {
    const { photo } = this.photos;
    const side = Math.min(photo.width, photo.height) / 4;
    const [x, y] = [photo.width / 2, photo.height / 2];
    const face = this.photos.draw(photo, [x - side / 2, y - side / 2, x + side / 2, y + side / 2]);
    this.#focus(face);
  }

  #layOut() {
    const photo = this.#shown;
    const { room, stage, photo: image } = this.elements;
    // Before its faces are found the browser knows the size, if it can show the photo.
    const loaded = stage.classList.contains("loading") ? {} : image;
    const width = photo?.width || loaded.naturalWidth;
    const height = photo?.height || loaded.naturalHeight;
    stage.hidden = !photo || photo.state === "failed" || !width;
    if (stage.hidden) return;
    const most = Math.max(LEAST_HEIGHT, window.innerHeight * 0.72);
    this.#scale = Math.min(room.clientWidth / width, most / height, LARGEST_ENLARGEMENT);
    stage.style.width = `${width * this.#scale}px`;
    stage.style.height = `${height * this.#scale}px`;
    this.#drawBoxes(photo);
  }

  #drawBoxes(photo) {
    const { overlay } = this.elements;
    const focused = overlay.contains(document.activeElement) ? document.activeElement.face : null;
    const faces = shownFaces(photo, this.photos.threshold);
    const old = new Map([...overlay.children].map((group) => [group.face, group]));
    const groups = faces.map((face, index) => {
      const group = old.get(face) ?? made("g", { class: "face", role: "checkbox", tabindex: 0 });
      this.#drawFace(group, face, `${index + 1} of ${faces.length}`);
      return group;
    });
    // What has the focus is not taken out and put back: that would lose it.
    for (const group of [...overlay.children]) if (!groups.includes(group)) group.remove();
    groups.forEach((group, index) => {
      if (overlay.children[index] !== group)
        overlay.insertBefore(group, overlay.children[index] ?? null);
    });
    if (focused && !faces.includes(focused)) overlay.lastElementChild?.focus();
    if (this.#draft) overlay.append(this.#draft.rectangle);
  }

  #drawFace(group, face, place) {
    group.face = face;
    const [x1, y1, x2, y2] = face.box.map((edge) => edge * this.#scale);
    const box = { x: x1, y: y1, width: x2 - x1, height: y2 - y1, rx: 3 };
    const text = face.leftOut ? "left out" : face.drawn ? "drawn" : scoreText(face.score);
    group.setAttribute("class", `face${face.leftOut ? " out" : ""}`);
    group.setAttribute("aria-checked", String(!face.leftOut));
    const what = face.drawn ? "drawn" : `score ${scoreText(face.score)}`;
    group.setAttribute("aria-label", `Face ${place}, ${what}`);
    const parts = [
      made("rect", { class: "halo", ...box }),
      made("rect", { class: "edge", ...box }),
    ];
    if (this.photos.landmarks && x2 - x1 >= NARROWEST_WITH_DOTS) {
      const radius = Math.min(Math.max((x2 - x1) / 28, 1.4), 3.5);
      for (const [x, y] of face.landmarks ?? []) {
        parts.push(
          made("circle", { class: "dot", cx: x * this.#scale, cy: y * this.#scale, r: radius }),
        );
      }
    }
    const width = 12 + text.length * 6.6;
    // Beside the box where there is no room above it; hidden on small boxes until asked for.
    const top = y1 >= TAG_HEIGHT + 2 ? y1 - TAG_HEIGHT - 2 : y1 + 3;
    const left = Math.max(Math.min(x1 - 1, this.#scale * this.#shown.width - width), 0);
    const brief = x2 - x1 < width ? " brief" : "";
    const tag = { class: `tag${brief}`, x: left, y: top, width, height: TAG_HEIGHT, rx: 4 };
    const words = made("text", { class: `words${brief}`, x: left + 6, y: top + 13 });
    words.textContent = text;
    parts.push(made("rect", tag), words);
    group.replaceChildren(...parts);
  }

  #listen() {
    const { overlay } = this.elements;
    overlay.addEventListener("click", (event) => {
      const group = event.target.closest(".face");
      if (group && !this.drawing) this.photos.toggle(this.#shown, group.face);
    });
    overlay.addEventListener("keydown", (event) => this.#key(event));
    overlay.addEventListener("pointerdown", (event) => this.#begin(event));
    overlay.addEventListener("pointermove", (event) => this.#stretch(event));
    overlay.addEventListener("pointerup", (event) => this.#end(event));
    overlay.addEventListener("pointercancel", () => this.#giveUp());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#giveUp();
    });
  }

  #key(event) {
    const group = event.target.closest(".face");
    if (!group) return;
    const { face } = group;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ];
    if (["Delete", "Backspace", " ", "Enter"].includes(event.key)) {
      if (["Delete", "Backspace"].includes(event.key) && face.leftOut) return;
      this.photos.toggle(this.#shown, face);
    } else if (arrow && face.drawn) {
      this.photos.move(this.#shown, face, this.#shifted(face.box, arrow, event.shiftKey));
    } else if (arrow) {
      const next =
        arrow[0] + arrow[1] > 0 ? group.nextElementSibling : group.previousElementSibling;
      next?.focus();
    } else return;
    event.preventDefault();
  }

  /** A box moved by four CSS pixels, or with its right and lower edge moved. */
  #shifted([x1, y1, x2, y2], [right, down], stretch) {
    const { width, height } = this.#shown;
    const step = 4 / this.#scale;
    if (stretch)
      return [
        x1,
        y1,
        Math.max(x2 + right * step, x1 + step),
        Math.max(y2 + down * step, y1 + step),
      ];
    const dx = Math.min(Math.max(right * step, -x1), width - x2);
    const dy = Math.min(Math.max(down * step, -y1), height - y2);
    return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
  }

  #begin(event) {
    const onFace = event.target.closest(".face");
    // A finger scrolls the page unless it was told to draw.
    if (event.button !== 0 || this.#shown?.state !== "done") return;
    if (!this.drawing && (onFace || event.pointerType === "touch")) return;
    event.preventDefault();
    const rectangle = made("rect", { class: "draft" });
    this.#draft = { from: this.#place(event), rectangle };
    this.elements.overlay.append(rectangle);
    this.elements.overlay.setPointerCapture(event.pointerId);
  }

  #stretch(event) {
    if (!this.#draft) return;
    const [x1, y1] = this.#draft.from;
    const [x2, y2] = this.#place(event);
    const box = {
      x: Math.min(x1, x2),
      y: Math.min(y1, y2),
      width: Math.abs(x2 - x1),
      height: Math.abs(y2 - y1),
    };
    set(this.#draft.rectangle, box);
  }

  #end(event) {
    if (!this.#draft) return;
    const [x1, y1] = this.#draft.from;
    const [x2, y2] = this.#place(event);
    this.#giveUp();
    if (Math.min(Math.abs(x2 - x1), Math.abs(y2 - y1)) < SMALLEST_DRAWN) return;
    const box = [x1, y1, x2, y2].map((edge) => edge / this.#scale);
    this.#focus(this.photos.draw(this.#shown, box));
  }

  #giveUp() {
    this.#draft?.rectangle.remove();
    this.#draft = null;
  }

  #focus(face) {
    const group = [...this.elements.overlay.children].find((each) => each.face === face);
    group?.focus();
  }

  /** Where a pointer is, CSS pixels of the stage. */
  #place(event) {
    const { left, top, width, height } = this.elements.overlay.getBoundingClientRect();
    const clip = (value, most) => Math.min(Math.max(value, 0), most);
    return [clip(event.clientX - left, width), clip(event.clientY - top, height)];
  }
}

function made(name, attributes) {
  return set(document.createElementNS(SVG, name), attributes);
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
