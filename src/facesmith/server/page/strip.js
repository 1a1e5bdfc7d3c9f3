// The row of small photos below the large one.

import { keptFaces } from "./photos.js";
import { counted } from "./words.js";

export class Strip {
  #items = new Map(); // photo -> its button

  constructor(photos, list) {
    this.photos = photos;
    this.list = list;
    list.addEventListener("keydown", (event) => this.#key(event));
  }

  render() {
    const { all, current } = this.photos;
    this.list.hidden = all.length < 2;
    for (const [photo, button] of this.#items) {
      if (all.includes(photo)) continue;
      button.parentElement.remove();
      this.#items.delete(photo);
    }
    all.forEach((photo, index) => {
      if (!this.#items.has(photo)) this.#items.set(photo, this.#added(photo));
      this.#fill(this.#items.get(photo), photo, index === current);
    });
  }

  #added(photo) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.addEventListener("click", () => this.photos.show(this.photos.all.indexOf(photo)));
    const badge = document.createElement("span");
    badge.className = "badge";
    button.append(badge);
    item.append(button);
    this.list.append(item);
    return button;
  }

  #fill(button, photo, current) {
    const badge = button.lastElementChild;
    if (photo.thumbnail && button.firstElementChild !== photo.thumbnail)
      button.prepend(photo.thumbnail);
    const n = keptFaces(photo, this.photos.threshold).length;
    const states = {
      waiting: ["…", "waiting"],
      working: ["…", "working"],
      failed: ["!", "cannot be read"],
      done: [String(n), counted(n, "face")],
    };
    const [short, long] = states[photo.state];
    badge.textContent = short;
    badge.classList.toggle("bad", photo.state === "failed");
    badge.classList.toggle("waiting", short === "…");
    button.setAttribute("aria-label", `${photo.name}, ${long}`);
    if (current && button.getAttribute("aria-current") !== "true") {
      button.setAttribute("aria-current", "true");
      this.list.scrollTo({ left: button.offsetLeft - this.list.clientWidth / 2 + 42 });
    } else if (!current) button.removeAttribute("aria-current");
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.photos.show(this.photos.current + step);
    this.#items.get(this.photos.photo)?.focus();
  }
}
