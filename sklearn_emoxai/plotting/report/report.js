"use strict";
const run = JSON.parse(document.getElementById("run").textContent);
const get = (id) => document.getElementById(id);

// ---------------------------------------------------------------- small helpers

// Elements are made of text, never of markup: whatever a label holds, it is shown as it is.
function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "circle"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const plain = (text) => String(text).replaceAll("_", " ");
// Plotly reads a little markup in its texts.
const escaped = (text) => plain(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const fixed = (value, digits = 3) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const percent = (share) => (100 * share).toFixed(share < 0.0995 ? 1 : 0) + " %";
const sum = (values) => values.reduce((total, value) => total + value, 0);
const unique = (values) => [...new Set(values)];
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const dark = matchMedia("(prefers-color-scheme: dark)");
// ColorBrewer's YlGnBu, told apart with every kind of colour blindness. The most important stands out: dark on white,
// bright on black.
const STOPS = [[237, 248, 217], [199, 233, 180], [127, 205, 187], [65, 182, 196], [29, 145, 192], [34, 94, 168], [37, 52, 148],
  [8, 29, 88]];
const stops = () => (dark.matches ? [...STOPS].reverse() : STOPS);
const colorscale = () => stops().map((rgb, i, all) => [i / (all.length - 1), `rgb(${rgb})`]);
function colour(share) {
  const all = stops(), at = Math.min(Math.max(share, 0), 1) * (all.length - 1), low = Math.min(Math.floor(at), all.length - 2);
  return `rgb(${all[low].map((part, i) => Math.round(part + (at - low) * (all[low + 1][i] - part)))})`;
}
// Okabe and Ito's colours, a little brighter where the page is dark; marks and dashes tell the same without colour.
const LINES = () => (dark.matches
  ? ["#56B4E9", "#E8743B", "#00B184", "#D68FB5", "#E69F00", "#F0E442", "#B9A0E8", "#CFCFCF"]
  : ["#0072B2", "#D55E00", "#009E73", "#B0578D", "#C98500", "#3C9BD6", "#7F3C8D", "#555555"]);
const MARKS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star"];
const DASHES = ["solid", "dash", "dot", "dashdot", "solid", "dash", "dot", "dashdot"];
const lineStyle = (i) => ({
  line: { color: LINES()[i % 8], dash: DASHES[i % 8], width: 2 }, marker: { symbol: MARKS[i % 8], size: 8, color: LINES()[i % 8] },
});

function layout(changes) {
  const axis = { gridcolor: css("--line"), zeroline: false, linecolor: css("--line"), fixedrange: true, automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false,
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: css("--text") },
    hoverlabel: { bgcolor: css("--card"), bordercolor: css("--soft"), font: { color: css("--text"), size: 13 } },
    margin: { l: 8, r: 8, t: 8, b: 8 }, ...changes,
    xaxis: { ...axis, ...changes.xaxis }, yaxis: { ...axis, ...changes.yaxis },
  };
}
function draw(id, traces, changes, label) {
  get(id).setAttribute("aria-label", label);
  return Plotly.react(id, traces, layout(changes), { displayModeBar: false, responsive: true, doubleClick: false });
}
function replaceWithNote(id, text) {
  get(id).replaceWith(make("p", { class: "note" }, text));
}

// ---------------------------------------------------------------- state

const faces = run.faces ?? {};
const emotions = unique([...Object.keys(faces), ...run.emotions]);
const state = { emotion: emotions[0], count: 0, rank: 1, metric: run.metrics[0], curve: null, sort: { column: "overall", down: true } };
const nLandmarks = run.template ? run.template[0].length : 0;
// Steps of the slider: one by one where there are few, in equal ratios where there are many.
const counts = unique([...Array(90).keys()].map((i) => Math.round(nLandmarks ** (i / 89)))
  .concat(Object.values(faces).map((face) => face.n_selected)).filter((n) => n >= 1)).sort((a, b) => a - b);
const chosenBy = (emotion) => faces[emotion].ranking.slice(0, state.count);
const regionOf = (i) => run.regions[i] || "";
const nameOf = (i) => `landmark ${i}` + (regionOf(i) ? `, ${regionOf(i)}` : "");
const ranks = (order) => order.reduce((all, i, r) => { all[i] = r + 1; return all; }, Array(order.length));
for (const face of Object.values(faces)) {
  face.total = sum(face.importances) || 1;
  face.order = ranks(face.ranking);
  face.byImportance = ranks([...face.importances.keys()].sort((a, b) => face.importances[b] - face.importances[a]));
}
const hasPeak = (face, i) => face.peaks !== null && face.importances[i] > 0;

// ---------------------------------------------------------------- faces

function meshLines(pairs) {
  const [x, y] = run.template, xs = [], ys = [];
  for (const path of pairs) {
    for (const i of path) { xs.push(x[i]); ys.push(y[i]); }
    xs.push(null); ys.push(null);
  }
  return { x: xs, y: ys };
}
const MESH = run.template && { edges: meshLines(run.edges), outlines: meshLines(run.outlines) };

function smallFace(emotion) {
  const [x, y] = run.template, face = faces[emotion];
  const left = Math.min(...x), top = Math.min(...y), width = Math.max(...x) - left, height = Math.max(...y) - top;
  const pad = 0.06 * height, unit = height / 100;
  const box = `${left - pad} ${top - pad} ${width + 2 * pad} ${height + 2 * pad}`;
  const node = make("svg", { viewBox: box, "aria-hidden": "true" });
  const path = run.outlines.map((line) => "M" + line.map((i) => `${x[i]} ${y[i]}`).join("L")).join("");
  node.append(make("path", { d: path, fill: "none", stroke: css("--outline"), "stroke-width": 0.8 * unit }));
  const largest = Math.max(...face.importances);
  for (const i of [...chosenBy(emotion)].sort((a, b) => face.importances[a] - face.importances[b])) {
    const share = face.importances[i] / largest;
    node.append(make("circle", {
      cx: x[i], cy: y[i], r: unit * (1 + 2.2 * share), fill: colour(share), stroke: css("--edge"), "stroke-width": 0.2 * unit,
    }));
  }
  return node;
}

function drawSmallFaces() {
  for (const emotion of Object.keys(faces)) {
    const label = document.querySelector(`label[for="emotion-${emotions.indexOf(emotion)}"]`);
    label.querySelector("svg")?.remove();
    label.prepend(smallFace(emotion));
  }
}

function drawFace() {
  const face = faces[state.emotion], [x, y] = run.template, largest = Math.max(...face.importances) || 1;
  const kept = [...chosenBy(state.emotion)].sort((a, b) => face.importances[a] - face.importances[b]);
  const left = face.ranking.slice(state.count);
  const texts = (indices) => indices.map((i) =>
    `landmark ${i}<br>${escaped(regionOf(i))}<br>importance ${(face.importances[i] / largest).toFixed(2)}` +
    `<br>choice ${face.order[i]}` + (hasPeak(face, i) ? `<br>peak in frame ${face.peaks[i]} of ${face.frames.of}` : ""));
  const points = (indices, marker) => ({
    type: "scatter", mode: "markers", x: indices.map((i) => x[i]), y: indices.map((i) => y[i]), customdata: indices,
    text: texts(indices), hovertemplate: "%{text}<extra></extra>", marker,
  });
  const shares = kept.map((i) => face.importances[i] / largest);
  const ring = face.ranking[state.rank - 1];
  const line = (mesh, name, width) => ({
    type: "scatter", mode: "lines", ...mesh, hoverinfo: "skip", line: { color: css(name), width },
  });
  draw("face-plot", [
    line(MESH.edges, "--mesh", 1), line(MESH.outlines, "--outline", 1.6),
    points(left, { size: 3, color: css("--soft"), opacity: 0.5 }),
    points(kept, {
      size: shares.map((s) => 5 + 9 * s), color: shares, colorscale: colorscale(), cmin: 0, cmax: 1, opacity: 1,
      line: { color: css("--edge"), width: 0.8 },
    }),
    { type: "scatter", mode: "markers", x: [x[ring]], y: [y[ring]], hoverinfo: "skip",
      marker: { size: 24, symbol: "circle-open", color: css("--ring"), line: { width: 2.5 } } },
  ], {
    showlegend: false, hovermode: "closest", hoverdistance: 14,
    xaxis: { visible: false, scaleanchor: "y", constrain: "domain" }, yaxis: { visible: false, autorange: "reversed" },
  }, `Face with the ${state.count} landmarks kept for ${state.emotion}. The next control goes through them one by one.`);
  const share = sum(chosenBy(state.emotion).map((i) => face.importances[i])) / face.total;
  const text = `${state.count} of ${nLandmarks}, with ${percent(share)} of the importance`;
  get("face-heading").textContent = plain(state.emotion);
  get("count-text").textContent = text;
  get("count").setAttribute("aria-valuetext", text);
}

function tellLandmark(i) {
  const face = faces[state.emotion], largest = Math.max(...face.importances) || 1;
  const order = face.order[i], peak = hasPeak(face, i) ? `, with its peak in frame ${face.peaks[i]} of ${face.frames.of}` : "";
  get("readout").replaceChildren(make("strong", {}, nameOf(i)), make("br"), `choice ${order} of ${nLandmarks}; importance ` +
    `${(face.importances[i] / largest).toFixed(2)} of the largest, ${percent(face.importances[i] / face.total)} of all${peak}`);
  return `choice ${order}: ${nameOf(i)}`;
}

function drawChosen() {
  const face = faces[state.emotion], cells = (tag, texts, scope) => texts.map((text, i) =>
    make(tag === "td" && i === 0 ? "th" : tag, scope ? { scope } : i ? {} : { scope: "row" }, String(text)));
  const timed = face.peaks !== null, head = ["choice", "landmark", "region", "importance", "its rank", ...(timed ? ["peak frame"] : [])];
  const rows = chosenBy(state.emotion).map((i, r) => make("tr", {}, ...cells("td", [r + 1, i, regionOf(i) || "–",
    percent(face.importances[i] / face.total), face.byImportance[i], ...(timed ? [hasPeak(face, i) ? face.peaks[i] : "–"] : [])])));
  get("chosen").replaceChildren(make("caption", { class: "hidden" }, `Landmarks chosen for ${plain(state.emotion)}`),
    make("thead", {}, make("tr", {}, ...cells("th", head, "col"))), make("tbody", {}, ...rows));
  get("chosen-title").textContent = `Chosen for ${plain(state.emotion)}`;
  get("chosen-note").textContent = `Importance as a share of that of all ${nLandmarks} landmarks, and the landmark's rank by it. The order of ` +
    "choice differs from that rank where the selection asks what a landmark adds to those before. Left and right are the person's own.";
}

function pointAtRank(rank) {
  state.rank = Math.min(Math.max(rank, 1), state.count);
  get("rank").max = state.count;
  get("rank").value = state.rank;
  get("rank-text").textContent = state.rank;
  get("rank").setAttribute("aria-valuetext", tellLandmark(faces[state.emotion].ranking[state.rank - 1]));
  drawFace();
}

function drawTimeline() {
  const { timeline, frames } = faces[state.emotion];
  get("timeline-heading").textContent = "When each region matters";
  if (!timeline) {
    get("timeline-note").textContent = "This run holds no importance by frame, or not that of the 468-point mesh.";
    Plotly.purge("timeline-plot");
    return;
  }
  const { regions, mean, share } = timeline, largest = Math.max(...mean.flat()) || 1;
  const row = mean.reduce((best, values, i) => (Math.max(...values) > Math.max(...mean[best]) ? i : best), 0);
  const frame = mean[row].indexOf(Math.max(...mean[row])) + frames.first, step = Math.ceil(mean[0].length / 12);
  const numbers = mean[0].map((_, f) => f + frames.first);
  const ticks = [...Array(frames.of).keys()].map((n) => n + 1).filter((n) => (frames.of - n) % step === 0);
  const names = ticks.map((n) => ({ 1: "1<br>start", [frames.of]: `${n}<br>end` })[n] ?? String(n));
  const text = mean.map((values, r) => values.map((value, f) => `${regions[r]}, frame ${numbers[f]} of ${frames.of}<br>importance of a landmark ` +
    `${(value / largest).toFixed(2)}<br>all of the region ${percent(share[r][f])}`));
  draw("timeline-plot", [{
    type: "heatmap", z: mean.map((values) => values.map((value) => value / largest)), y: regions, x: numbers,
    text, hovertemplate: "%{text}<extra></extra>", colorscale: colorscale(), zmin: 0, zmax: 1, xgap: 1, ygap: 1,
    showscale: false,
  }], {
    xaxis: { title: { text: "frame of the clip" }, tickvals: ticks, ticktext: names, tickangle: 0, range: [0.5, frames.of + 0.5], showgrid: false },
    yaxis: { autorange: "reversed", showgrid: false, dtick: 1 },
  }, `Heat map of importance by region and frame for ${state.emotion}. It is largest at the ${regions[row]}, frame ${frame} of ${frames.of}.`);
  get("timeline-note").textContent = `Mean importance of a region's landmarks in each frame; largest at the ${regions[row]}, frame ${frame} of ` +
    `${frames.of}. ${percent(timeline.last)} of all importance lies in the last frame, ${percent(1 / mean[0].length)} if all frames had the same. ` +
    "A network that reads the frames in order and keeps its last state favours late ones even untrained: a late peak does not show " +
    "that the end matters most. " + (frames.first > 1 ? "Frame 1 is blank: it was subtracted from the others. " : "") +
    '"Right" is the person\'s own, at the left of the picture.';
}

function showEmotion() {
  if (faces[state.emotion]) {
    pointAtRank(state.rank);
    drawTimeline();
    drawChosen();
  }
  drawStability();
}

// ---------------------------------------------------------------- scores

const METRIC = { roc_auc: "area under the ROC curve", mcc: "Matthews correlation", f1: "F1" };
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const metricName = (metric) => METRIC[metric] ?? plain(metric);
// Mean and standard deviation of an emotion, or of the mean over emotions.
const cell = (row, emotion) => (emotion === null ? row.overall : row.emotions[emotion]) ?? [null, null];

const LEGEND = { orientation: "h", x: 0.5, xanchor: "center", y: 0, yref: "container", yanchor: "bottom" };

function logAxis(ticks) {
  return {
    type: "log", title: { text: "landmarks" }, tickvals: ticks, ticktext: ticks.map(String),
    range: [Math.log10(Math.min(...ticks) / 1.15), Math.log10(Math.max(...ticks) * 1.15)],
  };
}

function drawCurves() {
  const rows = run.scores[state.metric], emotion = state.curve;
  const onAxis = unique(rows.map((row) => row.n_landmarks)).sort((a, b) => a - b);
  const models = unique(rows.map((row) => row.model));
  const traces = models.map((model, i) => {
    const own = rows.filter((row) => row.model === model && cell(row, emotion)[0] !== null)
      .sort((a, b) => a.n_landmarks - b.n_landmarks);
    const means = own.map((row) => cell(row, emotion)[0]), spreads = own.map((row) => cell(row, emotion)[1]);
    const base = { type: "scatter", name: escaped(model), customdata: spreads.map((value) => fixed(value)) };
    if (model === "majority class") {
      const level = sum(means) / means.length;
      return { ...base, mode: "lines", x: [onAxis[0], onAxis.at(-1)], y: [level, level], line: { color: css("--soft"), dash: "dot" },
        hovertemplate: `%{y:.3f}<extra>${escaped(model)}</extra>` };
    }
    // A little apart, so that the bars do not cover one another.
    const shift = 1 + 0.025 * (i - models.length / 2);
    return { ...base, ...lineStyle(i), mode: "lines+markers", x: own.map((row) => row.n_landmarks * shift), y: means,
      text: own.map((row) => row.n_landmarks),
      error_y: { type: "data", array: spreads.map((value) => value ?? 0), thickness: 1, width: 3, color: LINES()[i % 8] },
      hovertemplate: `%{y:.3f} ± %{customdata}, %{text} landmarks<extra>${escaped(model)}</extra>` };
  });
  draw("curves-plot", traces, {
    hovermode: "closest", legend: LEGEND,
    xaxis: logAxis(onAxis), yaxis: { title: { text: metricName(state.metric) } },
  }, `Curves of ${metricName(state.metric)} against the number of landmarks for ${models.length} models. The table below has the numbers.`);
  const best = rows.reduce((a, b) => ((cell(b, emotion)[0] ?? -9) > (cell(a, emotion)[0] ?? -9) ? b : a));
  const [mean, spread] = cell(best, emotion);
  get("curves-note").textContent = `Mean and standard deviation over ${run.repeats}${state.curve ? "" : ", of the mean over emotions"}. ` +
    `The largest mean is that of ${plain(best.model)} with ${best.n_landmarks} landmarks: ${fixed(mean)} ± ${fixed(spread)}. ` +
    "The largest of many is a little too good: it was picked on the tested samples.";
}

function drawTable() {
  const rows = [...run.scores[state.metric]], { column, down } = state.sort;
  const columns = [["model", "model"], ["n_landmarks", "landmarks"], ["overall", "mean"],
    ...run.emotions.map((emotion) => [`emotion:${emotion}`, plain(emotion)])];
  const emotionOf = (key) => (key === "overall" ? null : key.slice("emotion:".length));
  const value = (row, key) => {
    if (key === "model" || key === "n_landmarks") return row[key];
    return cell(row, emotionOf(key))[0] ?? -Infinity;
  };
  rows.sort((a, b) => {
    const [first, second] = [value(a, column), value(b, column)];
    const order = typeof first === "string" ? first.localeCompare(second) : first - second;
    return down ? -order : order;
  });
  const head = make("tr");
  for (const [key, name] of columns) {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      // Names and counts begin with the smallest, scores with the largest.
      state.sort = { column: key, down: column === key ? !down : !["model", "n_landmarks"].includes(key) };
      drawTable();
      [...get("table").querySelectorAll("thead button")][columns.findIndex(([other]) => other === key)].focus();
    });
    const sorted = column === key ? { "aria-sort": down ? "descending" : "ascending" } : {};
    head.append(make("th", { scope: "col", ...sorted }, button));
  }
  const scores = columns.slice(2).map(([key]) => key), best = scores.map((key) => Math.max(...rows.map((row) => value(row, key))));
  const body = make("tbody");
  for (const row of rows) {
    const line = make("tr", {}, make("th", { scope: "row" }, plain(row.model)), make("td", {}, String(row.n_landmarks)));
    scores.forEach((key, i) => {
      const [mean, spread] = cell(row, emotionOf(key));
      const node = make("td", mean !== null && mean === best[i] ? { class: "best" } : {}, fixed(mean));
      if (spread !== null) node.append(make("small", {}, ` ± ${fixed(spread)}`));
      line.append(node);
    });
    body.append(line);
  }
  get("table").replaceChildren(make("caption", { class: "hidden" }, `${metricName(state.metric)} of every model`), make("thead", {}, head), body);
  get("table-note").textContent = `${capital(metricName(state.metric))}: mean ± standard deviation over ${run.repeats}; the largest of each ` +
    "column is marked. Differences smaller than the spread mean little. Click a heading to sort.";
}

// ---------------------------------------------------------------- stability

// Rows of the chosen emotion, or all where it selects nothing.
const isShown = (row) => row.emotion === state.emotion || !run.stability.some((other) => other.emotion === state.emotion);

function stabilityTraces() {
  let n = 0;
  return unique(run.stability.map((row) => row.label)).map((label) => {
    const own = run.stability.filter((row) => row.label === label), shown = isShown(own[0]);
    const style = shown ? lineStyle(n++) : { line: { color: css("--soft"), width: 1 }, marker: { size: 5, color: css("--soft") } };
    const bars = { type: "data", symmetric: false, array: own.map((row) => row.high - row.stability),
      arrayminus: own.map((row) => row.stability - row.low), thickness: 1.2, width: 3, color: style.line.color };
    return {
      type: "scatter", mode: "lines+markers", name: escaped(label), ...style, opacity: shown ? 1 : 0.5, showlegend: shown, zorder: +shown,
      x: own.map((row) => row.n_landmarks), y: own.map((row) => row.stability), text: own.map((row) => row.n_landmarks), error_y: bars,
      customdata: own.map((row) => `${fixed(row.low, 2)} to ${fixed(row.high, 2)}`),
      hovertemplate: `%{y:.2f} (%{customdata}), %{text} landmarks<extra>${escaped(label)}</extra>`,
    };
  });
}

function drawStability() {
  if (!run.stability.length) return;
  const onAxis = unique(run.stability.map((row) => row.n_landmarks)).sort((a, b) => a - b), traces = stabilityTraces();
  const xaxis = onAxis.length > 1 ? logAxis(onAxis) : { type: "category", showgrid: false };
  if (onAxis.length === 1) {  // one point each: side by side
    for (const trace of traces) Object.assign(trace, { x: [trace.name], showlegend: false });
  } else {
    for (const trace of traces) if (!trace.showlegend) delete trace.error_y;
    traces.push({ type: "scatter", mode: "lines", name: "chance", x: [onAxis[0] / 1.1, onAxis.at(-1) * 1.1], y: [0, 0], hoverinfo: "skip",
      line: { color: css("--soft"), dash: "dot", width: 1.5 } });
  }
  draw("stability-plot", traces, {
    hovermode: "closest", legend: LEGEND, xaxis,
    yaxis: { title: { text: "stability" }, range: [Math.min(-0.1, ...run.stability.map((row) => row.low)) - 0.02, 1.05] },
  }, "Stability of the selections against the number of landmarks. " + run.stability.filter(isShown)
    .map((row) => `${row.label}, ${row.n_landmarks} landmarks: ${fixed(row.stability, 2)}`).join("; "));
  get("stability-note").textContent = (onAxis.length === 1 ? `Selections of ${onAxis[0]} landmarks. ` : "") +
    "1: every run and split chose the same landmarks; 0: no more alike than drawn at random " +
    "(Nogueira, Sechidis, Brown 2018). Bars are 95 % intervals. The emotion chosen at the top stands out, the others are gray.";
}

// ---------------------------------------------------------------- the page

function fillText() {
  get("description").textContent = run.description;
  get("facts").append(...run.facts.map(([number, noun]) => make("li", {}, make("b", {}, String(number)), ` ${noun}`)));
  get("synthetic").hidden = !run.synthetic;
  for (const id of ["terms", "data", "versions"]) {
    for (const [term, text] of run[id]) get(id).append(make("dt", {}, term), make("dd", {}, String(text)));
  }
  get("made").textContent = run.made;
}

function tellScroll() {
  const table = get("table");
  get("table-scroll").hidden = table.scrollWidth <= table.parentElement.clientWidth;
}

function options(select, entries) {
  select.append(...entries.map(([value, text]) => make("option", { value }, text)));
}

function setUpFaces() {
  get("count").max = counts.length - 1;
  emotions.forEach((emotion, i) => {
    const input = make("input", { type: "radio", name: "emotion", id: `emotion-${i}`, value: i, ...(i ? {} : { checked: "" }) });
    const label = make("label", { for: `emotion-${i}` }, input, plain(emotion));
    input.addEventListener("change", () => {
      state.emotion = emotion;
      showEmotion();
    });
    get("emotions").append(label);
  });
  const unscored = Object.keys(faces).filter((emotion) => !run.emotions.includes(emotion)).map(plain);
  if (unscored.length) get("unscored").textContent = `The scores below leave out ${unscored.join(" and ")}: a detector was fitted, but not compared.`;
  state.count = faces[state.emotion].n_selected;
  get("count").value = counts.indexOf(state.count);
  get("count").addEventListener("input", () => {
    state.count = counts[Number(get("count").value)];
    drawSmallFaces();
    pointAtRank(state.rank);
    drawChosen();
  });
  get("rank").addEventListener("input", () => pointAtRank(Number(get("rank").value)));
  drawSmallFaces();
}

function setUpJudged() {
  get("judged").hidden = !run.judged.length;
  get("judged-on").textContent = run.judged_on;
  run.judged.forEach(({ emotion, explanations, rows }, n) => {
    const head = make("tr", {}, ...["measure", ...explanations].map((name) => make("th", { scope: "col" }, name)));
    const body = rows.map(({ measure, better, meaning, values }) => {
      const known = values.filter((value) => value !== null);
      const best = better === "lower" ? Math.min(...known) : better === "higher" ? Math.max(...known) : null;
      return make("tr", {}, make("th", { scope: "row" }, measure,
        make("span", { class: "meaning" }, meaning + (better ? ` ${capital(better)} is better.` : ""))),
        ...values.map((value) => make("td", value !== null && value === best ? { class: "best" } : {}, value === null ? "–" : fixed(value))));
    });
    const title = make("h3", { id: `judged-${n}` }, plain(emotion));
    get("judged").append(title, make("div", { class: "scroll card", tabindex: 0, role: "region", "aria-labelledby": `judged-${n}` },
      make("table", {}, make("caption", { class: "hidden" }, `Explanations of ${plain(emotion)}, judged`),
        make("thead", {}, head), make("tbody", {}, ...body))));
  });
}

function setUp() {
  fillText();
  setUpJudged();
  if (Object.keys(faces).length) {
    setUpFaces();
  } else {
    replaceWithNote("face", "This run holds no explanations, only scores: explanations.npz is not in its folder.");
  }
  options(get("metric"), run.metrics.map((metric) => [metric, metricName(metric)]));
  options(get("curve-emotion"), [["", "mean of all"], ...run.emotions.map((emotion, i) => [i, plain(emotion)])]);
  get("metric").addEventListener("change", () => { state.metric = get("metric").value; drawCurves(); drawTable(); });
  get("curve-emotion").addEventListener("change", () => {
    state.curve = get("curve-emotion").value === "" ? null : run.emotions[Number(get("curve-emotion").value)];
    drawCurves();
  });
  if (!run.stability.length) replaceWithNote("stability-plot", "This run holds fewer than two selections of any model and emotion.");
}

function drawAll() {
  if (Object.keys(faces).length) {
    get("scale").style.background = `linear-gradient(to right, ${stops().map((rgb) => `rgb(${rgb})`)})`;
    drawSmallFaces();
  }
  showEmotion();
  drawCurves();
  drawTable();
}

setUp();
drawAll();
new ResizeObserver(tellScroll).observe(get("table").parentElement);
if (Object.keys(faces).length) {
  get("face-plot").on("plotly_hover", ({ points: [point] }) => point.customdata !== undefined && tellLandmark(point.customdata));
}
dark.addEventListener("change", drawAll);
