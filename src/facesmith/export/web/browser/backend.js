// Finds faces in this browser alone: photos never leave the computer.

/**
 * What finds the faces; see the backend of the server's page, which this one takes the place of.
 *
 * @returns {Promise<{model: object, atOnce: number, privacy: string, detect: Function}>}
 */
export async function openBackend() {
  const response = await fetch("site.json");
  if (!response.ok)
    throw new Error("site.json is missing beside this page. Copy the whole folder.");
  const { model } = await response.json();
  const worker = new Worker("detection/worker.js", { type: "module" });
  const asked = new Map(); // id -> what settles the promise
  let broken = "";
  let number = 0;
  worker.addEventListener("message", ({ data: { kind, id, found, error } }) => {
    const settle = asked.get(id);
    asked.delete(id);
    // Not before everything is loaded, so that no file is fetched twice.
    if (kind === "opened") navigator.serviceWorker?.register("offline.js").catch(() => {});
    if (kind === "found") settle?.done(found);
    if (kind === "failed") settle?.failed(new Error(error));
  });
  worker.addEventListener("error", (event) => {
    broken = `The networks cannot be run in this browser (${event.message || "a file is missing"}).`;
    for (const { failed } of asked.values()) failed(new Error(broken));
    asked.clear();
  });
  worker.postMessage({ kind: "open" });
  return {
    model,
    atOnce: 1,
    privacy: "Photos stay on this computer: this page finds faces by itself.",
    detect: (file, { minScore, landmarks }) =>
      new Promise((done, failed) => {
        if (broken) return failed(new Error(broken));
        asked.set(++number, { done, failed });
        worker.postMessage({ kind: "detect", id: number, file, options: { minScore, landmarks } });
      }),
  };
}
