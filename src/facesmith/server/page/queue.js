// Finds the faces in photos one after the other, as many at once as the backend likes.

const THUMBNAIL_HEIGHT = 128; // pixels: two a CSS pixel

/** Takes photos in, and fills in their faces. */
export class Queue {
  #waiting = [];
  #running = 0;

  /**
   * @param {Photos} photos Where the results go.
   * @param {object} backend See `openBackend`.
   * @param {number} minScore Boxes with a lower score are never asked for.
   */
  constructor(photos, backend, minScore) {
    this.photos = photos;
    this.backend = backend;
    this.minScore = minScore;
  }

  add(added) {
    this.#waiting.push(...added);
    while (this.#running < this.backend.atOnce && this.#waiting.length) this.#work();
  }

  /** Forget a photo that waits. */
  remove(photo) {
    this.#waiting = this.#waiting.filter((each) => each !== photo);
  }

  clear() {
    this.#waiting = [];
  }

  async #work() {
    this.#running++;
    for (let photo = this.#waiting.shift(); photo; photo = this.#waiting.shift()) {
      await this.#find(photo);
    }
    this.#running--;
  }

  async #find(photo) {
    const { photos, backend } = this;
    photos.update(photo, { state: "working", busy: false });
    try {
      const thumbnail = drawThumbnail(photo.file);
      const found = await backend.detect(photo.file, {
        minScore: this.minScore,
        landmarks: backend.model.landmarks,
        waiting: () => photos.update(photo, { busy: true }),
      });
      const faces = found.faces.map((face) => ({ ...face, drawn: false, leftOut: false }));
      photos.update(photo, {
        state: "done",
        width: found.width,
        height: found.height,
        faces,
        thumbnail: await thumbnail,
      });
    } catch (error) {
      photos.update(photo, { state: "failed", error: error.message });
    }
  }
}

/** A small canvas of a photo; null where the browser cannot show it. */
async function drawThumbnail(file) {
  try {
    const image = await createImageBitmap(file, {
      resizeHeight: THUMBNAIL_HEIGHT,
      resizeQuality: "medium",
    });
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d").drawImage(image, 0, 0);
    image.close();
    return canvas;
  } catch {
    return null;
  }
}
