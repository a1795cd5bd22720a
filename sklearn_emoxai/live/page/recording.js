// What is recorded stays in the page until it is saved: probabilities as CSV, landmarks as npz.

const MOST_SECONDS = 1800;

export class Recording {
  constructor(labels) {
    this.labels = labels;
    this.rows = [];
  }

  get seconds() {
    return this.rows.length ? this.rows.at(-1).t - this.rows[0].t : 0;
  }

  get full() {
    return this.seconds >= MOST_SECONDS;
  }

  add(result) {
    const { t, p, landmarks, neutral } = result;
    this.rows.push({ t, p, neutral, landmarks: landmarks && Float32Array.from(landmarks) });
  }

  // A line for each result; cells are empty where there was no face.
  csv() {
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const start = this.rows[0]?.t ?? 0;
    const lines = this.rows.map(({ t, p, neutral }) => [
      (t - start).toFixed(4), ...this.labels.map((_, i) => (p ? p[i] : "")), neutral ?? "",
    ]);
    return [["seconds", ...this.labels.map(quoted), "neutral"], ...lines].map((line) => line.join(",") + "\n").join("");
  }

  // The file that load_landmarks reads: one sequence in pixels, NaN where there was no face, and its time stamps.
  npz() {
    const n = this.rows.length, size = 2 * 468, data = new Float32Array(n * size).fill(NaN);
    this.rows.forEach(({ landmarks }, i) => landmarks && data.set(landmarks, i * size));
    const start = this.rows[0]?.t ?? 0;
    const format = "sklearn-emoxai landmarks 1";
    return zipped([
      ["format.npy", npy(`<U${format.length}`, [], Uint32Array.from(format, (sign) => sign.codePointAt(0)))],
      ["data.npy", npy("<f4", [1, n, 2, 468], data)],
      ["timestamps.npy", npy("<f8", [n], Float64Array.from(this.rows, ({ t }) => t - start))],
    ]);
  }
}

// NumPy's format 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
function npy(descr, shape, values) {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const padded = text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11) + "\n";
  const head = new Uint8Array(10 + padded.length);
  head.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, padded.length & 255, padded.length >> 8]);
  head.set(new TextEncoder().encode(padded), 10);
  return joined([head, new Uint8Array(values.buffer)]);
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  for (let k = 0; k < 8; k++) i = i & 1 ? 0xedb88320 ^ (i >>> 1) : i >>> 1;
  return i;
});

function crc32(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

function record(length, fields) {
  const view = new DataView(new ArrayBuffer(length));
  for (const [at, size, value] of fields) size === 4 ? view.setUint32(at, value, true) : view.setUint16(at, value, true);
  return new Uint8Array(view.buffer);
}

// A zip archive of files that are stored as they are; 33 is 1 January 1980, the first day that zip knows.
function zipped(files) {
  const parts = [], index = [];
  let at = 0;
  for (const [name, content] of files) {
    const spelled = new TextEncoder().encode(name), sum = crc32(content), size = content.length;
    const common = (from) => [[from + 6, 2, 33], [from + 8, 4, sum], [from + 12, 4, size], [from + 16, 4, size], [from + 20, 2, spelled.length]];
    index.push(record(46, [[0, 4, 0x02014b50], [4, 2, 20], [6, 2, 20], ...common(8), [42, 4, at]]), spelled);
    const local = joined([record(30, [[0, 4, 0x04034b50], [4, 2, 20], ...common(6)]), spelled, content]);
    parts.push(local);
    at += local.length;
  }
  const directory = joined(index);
  const end = record(22, [
    [0, 4, 0x06054b50], [8, 2, files.length], [10, 2, files.length], [12, 4, directory.length], [16, 4, at],
  ]);
  return joined([...parts, directory, end]);
}
