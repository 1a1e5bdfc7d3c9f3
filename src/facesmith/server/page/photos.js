// The photos on the page and what is known of each; tells whoever listens when something changes.

export const MOST_PHOTOS = 50;

/**
 * The faces that the threshold lets through, and those that were drawn, in their order.
 *
 * @param {object} photo A photo of `Photos`.
 * @param {number} threshold Boxes with a lower score are not shown.
 */
export function shownFaces(photo, threshold) {
  return photo.faces.filter((face) => face.drawn || face.score >= threshold);
}

/** Of the faces that are shown, those that were not left out: what counts and is saved. */
export function keptFaces(photo, threshold) {
  return shownFaces(photo, threshold).filter((face) => !face.leftOut);
}

/** The photos, which of them is looked at, and the threshold. */
export class Photos extends EventTarget {
  all = [];
  current = 0;
  threshold = 0.5;
  landmarks = true;

  /** The photo that is looked at; undefined if there is none. */
  get photo() {
    return this.all[this.current];
  }

  /** Add files as photos; returns those added, which wait for their faces to be found. */
  add(files) {
    const taken = files.slice(0, MOST_PHOTOS - this.all.length);
    const added = taken.map((file) => ({
      file,
      name: file.name,
      state: "waiting", // then "working", then "done" or "failed"
      error: "",
      width: 0,
      height: 0,
      faces: [],
      thumbnail: null,
      unseen: false, // whether this browser cannot show it
    }));
    this.all.push(...added);
    this.changed();
    return added;
  }

  remove(photo) {
    this.all.splice(this.all.indexOf(photo), 1);
    this.show(this.current);
  }

  clear() {
    this.all = [];
    this.current = 0;
    this.changed();
  }

  show(index) {
    this.current = Math.min(Math.max(index, 0), Math.max(this.all.length - 1, 0));
    this.changed();
  }

  /** Change values of a photo. */
  update(photo, values) {
    Object.assign(photo, values);
    this.changed();
  }

  /** Leave a face out, or take it in again; one that was drawn is removed. */
  toggle(photo, face) {
    if (face.drawn) photo.faces.splice(photo.faces.indexOf(face), 1);
    else face.leftOut = !face.leftOut;
    this.changed();
  }

  /** Add a face that was drawn; returns it. */
  draw(photo, box) {
    const face = { box: insidePhoto(box, photo), score: 1, drawn: true, leftOut: false };
    photo.faces.push(face);
    this.changed();
    return face;
  }

  /** Give a face that was drawn another box. */
  move(photo, face, box) {
    face.box = insidePhoto(box, photo);
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function insidePhoto([x1, y1, x2, y2], { width, height }) {
  const clip = (value, most) => Math.round(Math.min(Math.max(value, 0), most) * 10) / 10;
  return [
    clip(Math.min(x1, x2), width),
    clip(Math.min(y1, y2), height),
    clip(Math.max(x1, x2), width),
    clip(Math.max(y1, y2), height),
  ];
}
