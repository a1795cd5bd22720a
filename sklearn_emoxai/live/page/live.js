import { Recording } from "./recording.js";

const get = (id) => document.getElementById(id);
const SECONDS = 20; // of the curves
const MOST_WIDTH = 640; // of the frames that are sent; more tells the detector no more
const PATIENCE = 15000; // ms to wait for a result, the first of which starts the face detector, before the connection counts as lost
const plain = (label) => label.replaceAll("_", " ");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
// Okabe and Ito's colours, as in the report; dashes tell the same without colour.
const LINES = () => (dark.matches
  ? ["#56B4E9", "#E8743B", "#00B184", "#D68FB5", "#E69F00", "#F0E442", "#B9A0E8", "#CFCFCF"]
  : ["#0072B2", "#D55E00", "#009E73", "#B0578D", "#C98500", "#3C9BD6", "#7F3C8D", "#555555"]);
const DASHES = [[], [8, 3], [2, 2], [8, 3, 2, 3], [], [8, 3], [2, 2], [8, 3, 2, 3]];
// Viridis, bright on every picture where it matters.
const VIRIDIS = [[68, 1, 84], [65, 68, 135], [42, 120, 142], [34, 168, 132], [122, 209, 81], [253, 231, 37]];

function colour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1), low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return `rgb(${VIRIDIS[low].map((part, i) => Math.round(part + (at - low) * (VIRIDIS[low + 1][i] - part)))})`;
}

// Elements are made of text, never of markup: whatever a label holds, it is shown as it is.
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const info = await (await fetch("info.json")).json();
const video = get("video"), picture = get("picture"), mesh = get("mesh"), curves = get("curves");
const ours = info.source === null; // the camera is this browser's
let socket = null, waiting = false, sentAt = 0, delay = 500, encoding = false, ended = false, running = false;
let stream = null, recording = null, pictures = null, last = null;
let history = []; // results of the last seconds
const answered = []; // times of the last results, and how long they took

// ---------------------------------------------------------------- the connection

function connect() {
  socket = new WebSocket(new URL("stream", location.href.replace(/^http/, "ws")));
  socket.binaryType = "arraybuffer";
  waiting = false;
  socket.onopen = () => {
    delay = 500;
    say("");
    history = [];
    ask();
  };
  socket.onclose = ({ code, reason }) => {
    waiting = false;
    if (!running || ended) return;
    say(code === 1013 ? reason : "The connection to the program is lost; trying again. Is emoxai live still running?");
    setTimeout(connect, delay);
    delay = Math.min(2 * delay, 5000);
  };
  socket.onmessage = ({ data }) => (typeof data === "string" ? take(JSON.parse(data)) : show(data));
}
const open = () => socket?.readyState === WebSocket.OPEN;

// In the mode of a source the server sends the pictures, each when it is asked for the next.
function ask() {
  if (!ours && open()) {
    sentAt = performance.now();
    socket.send(JSON.stringify({ command: "next" }));
  }
}

async function show(jpeg) {
  const image = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  [picture.width, picture.height] = [image.width, image.height];
  picture.getContext("2d").drawImage(image, 0, 0);
  image.close();
  if (!ended) get("notice").textContent = "";
}

function take(result) {
  waiting = false;
  const now = performance.now();
  if (result.error || result.ended) {
    ended = Boolean(result.ended);
    if (ended) get("notice").textContent = result.error ?? `${info.source} has ended. Load the page again to see it anew.`;
    else say(result.error);
    return;
  }
  ask();
  answered.push([now, now - sentAt]);
  while (answered.length > 60) answered.shift();
  last = result;
  history.push(result);
  while (history[0].t < result.t - SECONDS) history.shift();
  if (recording) {
    recording.add(result);
    get("record").textContent = `Stop (${Math.floor(recording.seconds)} s)`;
    if (recording.full) stopRecording();
  }
  for (const id of ["calibrate", "record"]) get(id).disabled = false;
  get("calibrate").disabled = !info.subtracts_neutral;
  drawMesh(result);
  drawBars(result);
}

// One frame is under way at a time: what the camera gives meanwhile is dropped, never queued.
async function send() {
  if (waiting && performance.now() - sentAt > PATIENCE) socket.close();
  if (!open() || waiting || encoding || !video.videoWidth) return;
  encoding = true;
  const t = performance.now() / 1000, scale = Math.min(1, MOST_WIDTH / video.videoWidth);
  [picture.width, picture.height] = [Math.round(scale * video.videoWidth), Math.round(scale * video.videoHeight)];
  picture.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0, picture.width, picture.height);
  const jpeg = await new Promise((done) => picture.toBlob(done, "image/jpeg", 0.85));
  const message = new Uint8Array(8 + jpeg.size);
  new DataView(message.buffer).setFloat64(0, t, true);
  message.set(new Uint8Array(await jpeg.arrayBuffer()), 8);
  encoding = false;
  if (!open()) return;
  waiting = true;
  sentAt = 1000 * t;
  socket.send(message);
}

// ---------------------------------------------------------------- the camera

const HINTS = {
  NotAllowedError: "The camera is refused. Allow it for this page, by the camera's sign beside the address, and start again.",
  NotFoundError: "There is no camera. Plug one in and start again, or show a video: emoxai live MODEL --source FILE.",
  NotReadableError: "The camera can't be read: another program may be using it. Close that, and start again.",
};

async function start() {
  get("notice").textContent = "";
  if (!navigator.mediaDevices) {
    get("notice").textContent =
      "Browsers give their camera only to pages of their own computer, or by HTTPS. Make a tunnel with ssh -L, and open the page by 127.0.0.1.";
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } }, audio: false,
    });
  } catch (error) {
    get("notice").textContent = HINTS[error.name] ?? `The camera can't be used: ${error.message}.`;
    return;
  }
  running = true;
  video.srcObject = stream;
  stream.getVideoTracks()[0].onended = () => {
    stop();
    get("notice").textContent = "The camera is gone. Plug it in, and start again.";
  };
  await video.play();
  get("stage").style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
  get("start").textContent = "Stop the camera";
  if (!socket || socket.readyState > WebSocket.OPEN) connect();
  next();
}

function next() {
  if (!running) return;
  send();
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(next);
  else requestAnimationFrame(next);
}

function stop() {
  running = false;
  if (recording) stopRecording();
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = video.srcObject = null;
  socket?.close();
  get("start").textContent = "Start the camera";
  get("notice").textContent = "Start the camera to see your face here.";
  for (const id of ["calibrate", "record"]) get(id).disabled = true;
  mesh.getContext("2d").clearRect(0, 0, mesh.width, mesh.height);
}

// ---------------------------------------------------------------- what is shown

function say(text) {
  if (get("status").textContent !== text) get("status").textContent = text;
}

function fitted(canvas) {
  const ratio = devicePixelRatio || 1, { width, height } = canvas.getBoundingClientRect();
  if (canvas.width !== Math.round(ratio * width) || canvas.height !== Math.round(ratio * height)) {
    [canvas.width, canvas.height] = [Math.round(ratio * width), Math.round(ratio * height)];
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

function drawMesh({ landmarks, size, p, n_faces }) {
  const { context, width, height } = fitted(mesh);
  if (!landmarks) {
    say("There is no face in the picture. Is it lit from the front, and near enough?");
    return;
  }
  say(n_faces > 1 ? `There are ${n_faces} faces in the picture; one of them is followed.` : "");
  const scale = Math.min(width / size[0], height / size[1]), n = landmarks.length / 2;
  const [left, top] = [(width - scale * size[0]) / 2, (height - scale * size[1]) / 2];
  const x = (i) => left + scale * landmarks[i], y = (i) => top + scale * landmarks[n + i];
  const line = (points, closed) => {
    points.forEach((i, k) => (k ? context.lineTo(x(i), y(i)) : context.moveTo(x(i), y(i))));
    if (closed) context.closePath();
  };
  if (get("lines").checked) {
    context.lineWidth = 1;
    context.strokeStyle = "rgba(255, 255, 255, .22)";
    context.beginPath();
    for (const edge of info.edges) line(edge, false);
    context.stroke();
    context.strokeStyle = "rgba(255, 255, 255, .5)";
    context.beginPath();
    for (const outline of info.outlines) line(outline, true);
    context.stroke();
  }
  const label = get("shown").value || info.labels[p.indexOf(Math.max(...p))], chosen = info.chosen[label];
  if (!chosen || chosen.length === n) return; // it looks at all of them
  const shares = info.shares[label] ?? chosen.map(() => 1);
  const face = Math.max(...landmarks.slice(0, n)) - Math.min(...landmarks.slice(0, n));
  context.strokeStyle = "white";
  for (const k of [...chosen.keys()].sort((a, b) => shares[a] - shares[b])) {
    context.fillStyle = colour(shares[k]);
    context.beginPath();
    context.arc(x(chosen[k]), y(chosen[k]), Math.max(1.5, scale * face * (0.007 + 0.01 * shares[k])), 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

const bars = info.labels.map((label, i) => {
  const swatch = make("canvas", { width: 26, height: 12, "aria-hidden": "true" });
  const number = make("span", { class: "number" }, "–"), fill = make("div", { class: "fill" });
  const track = make("div", {
    class: "track", role: "meter", "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": 0, "aria-label": plain(label),
  }, fill);
  const bar = make("div", { class: "bar", "data-label": label }, swatch, make("span", { class: "name" }, plain(label)), number, track);
  get("bars").append(bar);
  get("shown").append(make("option", { value: label }, plain(label)));
  return { bar, swatch, number, fill, track, i };
});

const NEUTRAL = {
  calibrated: "Movement is measured from the face that you called neutral.",
  "first second": "Movement is measured from the first second of this face. If it was not neutral, say when it is.",
  running: "Movement is measured from how this face mostly was in the last half minute. Better: say when it is neutral.",
  window: `Movement is measured from the face ${info.window} s ago. Better: say when it is neutral.`,
};

function drawBars({ p, neutral }) {
  const top = p && p.indexOf(Math.max(...p));
  for (const { bar, number, fill, track, i } of bars) {
    bar.classList.toggle("top", i === top);
    number.textContent = p ? p[i].toFixed(2) : "–";
    fill.style.transform = `scaleX(${p ? p[i] : 0})`;
    track.setAttribute("aria-valuenow", p ? p[i].toFixed(2) : 0);
  }
  const note = NEUTRAL[neutral] ?? "";
  if (p && get("neutral-note").textContent !== note) get("neutral-note").textContent = note;
}

function drawCurves() {
  const { context, width, height } = fitted(curves), [left, right, top, bottom] = [34, 8, 8, 24];
  const now = last ? last.t : 0;
  const x = (t) => left + (1 - (now - t) / SECONDS) * (width - left - right);
  const y = (value) => top + (1 - value) * (height - top - bottom);
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  context.fillStyle = css("--soft");
  context.strokeStyle = css("--line");
  context.lineWidth = 1;
  context.setLineDash([]);
  for (const value of [0, 0.5, 1]) {
    context.beginPath();
    context.moveTo(left, y(value));
    context.lineTo(width - right, y(value));
    context.stroke();
    context.fillText(value.toString(), 8, y(value) + 4);
  }
  for (const seconds of [20, 15, 10, 5, 0]) {
    const text = seconds ? `−${seconds} s` : "now", wide = context.measureText(text).width;
    context.fillText(text, Math.min(x(now - seconds) - wide / 2, width - wide - 2), height - 6);
  }
  context.lineWidth = 2;
  info.labels.forEach((_, i) => {
    context.strokeStyle = LINES()[i % 8];
    context.setLineDash(DASHES[i % 8]);
    context.beginPath();
    let drawing = false;
    for (const { t, p } of history) {
      if (p) drawing ? context.lineTo(x(t), y(p[i])) : context.moveTo(x(t), y(p[i]));
      drawing = Boolean(p);
    }
    context.stroke();
  });
}

function drawSwatches() {
  for (const { swatch, fill, i } of bars) {
    const context = swatch.getContext("2d");
    context.clearRect(0, 0, 26, 12);
    context.strokeStyle = fill.style.background = LINES()[i % 8];
    context.lineWidth = 3;
    context.setLineDash(DASHES[i % 8]);
    context.beginPath();
    context.moveTo(0, 6);
    context.lineTo(26, 6);
    context.stroke();
  }
}

function tellRate() {
  if (answered.length < 2 || performance.now() - answered.at(-1)[0] > 2000) {
    get("rate").textContent = "";
    return;
  }
  const seconds = (answered.at(-1)[0] - answered[0][0]) / 1000;
  const times = answered.map(([, took]) => took).sort((a, b) => a - b);
  get("rate").textContent =
    `${((answered.length - 1) / seconds).toFixed(0)} results a second, each ${times[times.length >> 1].toFixed(0)} ms after its frame.`;
}

// ---------------------------------------------------------------- recording

function offer(name, content, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name }, `Save ${name}`);
  get("files").append(make("li", {}, link));
}

function startRecording() {
  for (const link of get("files").querySelectorAll("a")) URL.revokeObjectURL(link.href);
  get("files").replaceChildren();
  recording = new Recording(info.labels);
  get("record").textContent = "Stop (0 s)";
  get("record").setAttribute("aria-pressed", "true");
  if (!get("pictures").checked || !stream) return;
  const parts = [];
  pictures = new MediaRecorder(stream);
  pictures.ondataavailable = ({ data }) => parts.push(data);
  pictures.onstop = () => offer("pictures.webm", new Blob(parts), "video/webm");
  pictures.start();
}

function stopRecording() {
  offer("probabilities.csv", recording.csv(), "text/csv");
  offer("landmarks.npz", recording.npz(), "application/zip");
  if (recording.full) say("The recording has ended: half an hour is the most. Save it below.");
  recording = null;
  pictures?.stop();
  pictures = null;
  get("record").textContent = "Record";
  get("record").setAttribute("aria-pressed", "false");
}

// ---------------------------------------------------------------- beginning

get("model").textContent = `${info.name ? info.name + ": " : ""}${info.labels.map(plain).join(", ")}.`;
const some = info.labels.some((label) => info.chosen[label].length < 468);
get("landmarks-note").textContent = !some
  ? "This detector looks at all landmarks."
  : info.labels.every((label) => info.shares[label] === null)
    ? "Dots are the landmarks that the detector looks at; it does not tell how important each is."
    : "Dots are the landmarks that the detector looks at, by their importance.";
get("legend").hidden = !some || info.labels.every((label) => info.shares[label] === null);
get("scale").style.background = `linear-gradient(to right, ${[0, 0.2, 0.4, 0.6, 0.8, 1].map(colour)})`;
get("calibrate").hidden = !info.subtracts_neutral;
get("start").onclick = () => (running ? stop() : start());
get("record").onclick = () => (recording ? stopRecording() : startRecording());
get("calibrate").onclick = () => {
  if (!open()) return;
  socket.send(JSON.stringify({ command: "calibrate" }));
  get("neutral-note").textContent = "Keep your face neutral for a second …";
};
const mirror = () => get("stage").classList.toggle("mirrored", get("mirrored").checked);
get("mirrored").onchange = mirror;
get("lines").onchange = () => last && drawMesh(last);
dark.addEventListener("change", () => (drawSwatches(), drawCurves()));
if (!ours) {
  get("mirrored").checked = false;
  get("start").hidden = get("pictures-option").hidden = video.hidden = true;
  picture.hidden = false;
  get("notice").textContent = `Waiting for ${info.source} …`;
  running = true;
  connect();
}
mirror();
drawSwatches();
setInterval(tellRate, 1000);
let drawnAt = 0;
(function animate(now) {
  if (now - drawnAt >= (still.matches ? 1000 : 60)) {
    drawnAt = now;
    drawCurves();
  }
  requestAnimationFrame(animate);
})(0);
