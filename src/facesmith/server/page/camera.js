// Photos from the camera of this computer or telephone.

/**
 * Open the camera's window at the buttons, and call `take` with each photo that is taken.
 *
 * @param {{dialog: HTMLDialogElement, video: HTMLVideoElement, error: HTMLElement,
 *   openers: HTMLElement[], taker: HTMLButtonElement, closer: HTMLElement}} elements
 * @param {(files: File[]) => void} take
 */
export function listenForCamera({ dialog, video, error, openers, taker, closer }, take) {
  let number = 0;
  const open = async () => {
    error.hidden = true;
    video.hidden = false;
    taker.disabled = true;
    dialog.showModal();
    try {
      const stream = await openStream();
      if (!dialog.open) return stop(stream); // closed while the browser asked for leave
      video.srcObject = stream;
    } catch (reason) {
      video.hidden = true;
      error.hidden = false;
      error.textContent = inWords(reason);
    }
  };
  for (const opener of openers) opener.addEventListener("click", open);
  closer.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (video.srcObject) stop(video.srcObject);
    video.srcObject = null;
  });
  video.addEventListener("loadeddata", () => {
    taker.disabled = false;
  });
  taker.addEventListener("click", async () => {
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    const photo = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
    dialog.close();
    take([new File([photo], `camera-${++number}.jpg`, { type: photo.type })]);
  });
}

function openStream() {
  // Browsers hide the camera from pages that came unencrypted over a network.
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "SecurityError");
  return navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: "user", width: { ideal: 1920 }, height: { ideal: 1080 } },
  });
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

function inWords({ name }) {
  if (name === "NotFoundError") return "No camera was found. Choose a photo instead.";
  if (name === "NotAllowedError")
    return "The browser was not allowed to use the camera. Allow it in the address bar, or choose a photo instead.";
  if (name === "SecurityError")
    return "Browsers give the camera only to pages from this computer or over HTTPS. Choose a photo instead.";
  return "The camera cannot be used; another program may hold it. Choose a photo instead.";
}
