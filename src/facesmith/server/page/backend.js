// Finds faces by asking the server that this page came from.

const LONGEST_WAIT_S = 30;
const MOST_TRIES = 60;

/**
 * What finds the faces.
 *
 * @returns {Promise<{model: object, atOnce: number, privacy: string, detect: Function}>} `model`:
 *   `facesmith`, `threshold`, `find_all_threshold`, `precision` and `landmarks`, as `GET /v1/model`
 *   gives them; `atOnce`: photos to send at the same time.
 */
export async function openBackend() {
  const response = await fetch("v1/model");
  if (!response.ok) throw new Error(await problem(response));
  return {
    model: await response.json(),
    atOnce: 2,
    privacy: "Photos are sent to the server of this page, which forgets them at once.",
    detect,
  };
}

/**
 * The faces in one photo.
 *
 * @param {File} file The photo.
 * @param {{minScore: number, landmarks: boolean, waiting: Function}} options `waiting` is called
 *   when the server is busy and the photo is sent again later.
 * @returns {Promise<object>} `width`, `height` and `faces`, as `facesmith detect --json` prints.
 */
async function detect(file, { minScore, landmarks, waiting }) {
  const name = encodeURIComponent(file.name);
  const address = `v1/detect?min_score=${minScore}&landmarks=${landmarks}&name=${name}`;
  for (let tries = 1; ; tries++) {
    const response = await fetch(address, {
      method: "POST",
      body: file,
      headers: {
        "Content-Type": file.type.startsWith("image/") ? file.type : "application/octet-stream",
      },
    }).catch(() => {
      throw new Error("The server cannot be reached. Is `facesmith serve` still running?");
    });
    if (response.ok) return response.json();
    if (response.status !== 503 || tries === MOST_TRIES) throw new Error(await problem(response));
    waiting();
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((done) => setTimeout(done, 1000 * Math.min(seconds, LONGEST_WAIT_S)));
  }
}

async function problem(response) {
  const content = await response.json().catch(() => ({}));
  return content.detail || content.title || `The server answered with status ${response.status}.`;
}
