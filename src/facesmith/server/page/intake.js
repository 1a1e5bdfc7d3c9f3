// Photos come in: chosen, dropped (folders too), pasted.

/**
 * Call `take` with the files of whatever comes in.
 *
 * @param {{input: HTMLInputElement, choosers: HTMLElement[]}} elements The hidden file input, and
 *   the buttons that open it.
 * @param {(files: File[]) => void} take
 */
export function listenForPhotos({ input, choosers }, take) {
  for (const button of choosers) button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
  listenForDrops(take);
}

function listenForDrops(take) {
  let depth = 0; // of nested elements that the mouse is over
  const over = (change) => {
    depth = Math.max(depth + change, 0);
    document.body.classList.toggle("dropping", depth > 0);
  };
  const withFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => withFiles(event) && over(1));
  document.addEventListener("dragleave", (event) => withFiles(event) && over(-1));
  document.addEventListener("dragover", (event) => {
    if (withFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", async (event) => {
    if (!withFiles(event)) return;
    event.preventDefault();
    over(-depth);
    // Entries must be asked for before anything is awaited.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const files = [...event.dataTransfer.files];
    if (!entries.some((entry) => entry?.isDirectory)) return take(files);
    const found = await Promise.all(entries.filter(Boolean).map(filesBelow));
    const images = found.flat().filter((file) => file.type.startsWith("image/"));
    take(images);
  });
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // Each call gives some more of the entries, and none at the end.
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    for (const each of some) found.push(...(await filesBelow(each)));
  }
}
