// Runs the networks beside the page, so that it stays responsive.
//
// Receives `{kind: "open"}`, answers `{kind: "opened"}`; receives `{kind: "detect", id, file,
// options}`, answers `{kind: "found", id, found}`; or `{kind: "failed", id, error}` to either.

import { Detector } from "./detector.js";
import { pixelsOf } from "./pixels.js";
import * as ort from "../runtime/ort.js";

let opening = null;
let last = Promise.resolve(); // one photo after the other

addEventListener("message", ({ data: { kind, id, file, options } }) => {
  opening ??= open();
  last = last.then(async () => {
    try {
      const detector = await opening;
      if (kind === "open") postMessage({ kind: "opened" });
      else postMessage({ kind: "found", id, found: await find(detector, file, options) });
    } catch (error) {
      postMessage({ kind: "failed", id, error: String(error?.message ?? error) });
    }
  });
});

async function find(detector, file, options) {
  let photo;
  try {
    photo = await pixelsOf(file);
  } catch {
    throw new Error(
      `${file.name} is not a photo that this browser can read: expected JPEG, PNG, WebP, GIF, BMP ` +
        "or AVIF. Convert it to JPEG first.",
    );
  }
  const started = performance.now();
  const found = await detector.detect(photo, options);
  return { ...found, milliseconds: performance.now() - started };
}

async function open() {
  const beside = (path) => new URL(`../${path}`, import.meta.url);
  const loaded = async (path) => {
    const response = await fetch(beside(path));
    if (!response.ok)
      throw new Error(`${path} is missing beside this page (status ${response.status}).`);
    return response;
  };
  const [site, wasm] = await Promise.all([
    loaded("site.json").then((response) => response.json()),
    loaded("runtime/ort.wasm").then((response) => response.arrayBuffer()),
  ]);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm;
  ort.env.logLevel = "error";
  const opened = async (name) => {
    const content = await (await loaded(`weights/${name}.onnx`)).arrayBuffer();
    return ort.InferenceSession.create(new Uint8Array(content), {
      executionProviders: ["wasm"],
      logSeverityLevel: 3,
    });
  };
  const proposals = await opened("detector");
  const refiner = site.weights.includes("refiner") ? await opened("refiner") : null;
  const landmarks = site.weights.includes("landmarks") ? await opened("landmarks") : null;
  return new Detector(
    site.detector,
    {
      proposals: (data, width, height) => proposed(proposals, data, width, height),
      refiner: (patches, n) => onPatches(refiner, patches, n),
      landmarks: (patches, n) => onPatches(landmarks, patches, n),
    },
    site.landmark_context,
  );
}

async function proposed(session, data, width, height) {
  const input = new ort.Tensor("uint8", data, [1, height, width, 3]);
  const outputs = await session.run({ [session.inputNames[0]]: input });
  return session.outputNames.map((name) => {
    const { data: values, dims } = outputs[name];
    return { data: values, rows: dims[2], columns: dims[3] };
  });
}

async function onPatches(session, patches, n) {
  const input = new ort.Tensor("uint8", patches, [n, 64, 64, 3]);
  const outputs = await session.run({ patches: input });
  return outputs[session.outputNames[0]].data;
}
