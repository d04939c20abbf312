// A network's picture that one can walk around in. `DATA` is what drawing/html.py writes: lists of boxes with the ranks,
// columns and order that drawing/layout.py found for them. What is left to do here is to place them, anew with every
// block that is unfolded or folded, by the same rules as Grid.placed.
"use strict";

const { lists, root, open: start, sizes } = DATA;
const { PAD, HEAD, STRIP, BEHIND, STACKED, SPACE, LINE, GAP, WIDEST, SMALL, NORMAL } = sizes;
const SVG = "http://www.w3.org/2000/svg";
const view = document.getElementById("view");
const stage = document.getElementById("stage");
const about = document.getElementById("about");
const search = document.getElementById("search");
const found = document.getElementById("found");

const unfolded = new Set(start); // numbers of lists
const key = (list, box) => `${list}.${box}`;

// -- placing ---------------------------------------------------------------------------------------------------------

function place(number) {
  const list = lists[number];
  const inner = list.boxes.map((box) => (box.list !== null && unfolded.has(box.list) ? place(box.list) : null));
  const extents = list.boxes.map((box, i) => (inner[i] ? blockExtent(box, inner[i]) : leafExtent(box)));
  return { number, list, inner, extents, ...arrange(list, extents) };
}

function leafExtent(box) {
  const behind = box.count > 1 ? BEHIND * STACKED : 0;
  const label = box.shape ? 6 + box.shapeWidth : 0;
  return {
    along: box.height + behind + (label ? STRIP : 0),
    before: box.width / 2,
    after: Math.max(box.width / 2 + behind, label),
    entries: [],
    exits: [],
  };
}

function blockExtent(box, inner) {
  const behind = box.count > 1 ? BEHIND * STACKED : 0;
  const missing = Math.max(box.width - inner.before - inner.after - 2 * PAD, 0);
  const label = box.openShape ? 6 + box.shapeWidth : 0;
  const across = inner.spots.map((spot) => spot.across);
  return {
    along: HEAD + inner.along + behind + (label ? STRIP : 0),
    before: inner.before + PAD + missing / 2,
    after: Math.max(inner.after + PAD + missing / 2 + behind, label),
    inset: inner.after + PAD + missing / 2,
    entries: across.slice(0, inner.list.inputs),
    exits: across.slice(inner.list.boxes.length - inner.list.outputs, inner.list.boxes.length),
  };
}

const POINT = { along: 0, before: 0, after: 0, entries: [], exits: [] };

function arrange(list, extents) {
  const { items, columns, order, steps } = list;
  const extent = (i) => (items[i][0] >= 0 ? extents[items[i][0]] : POINT);
  const ranks = (i) => Array.from({ length: items[i][2] - items[i][1] }, (_, k) => items[i][1] + k);
  const margin = (i) => (items[i][0] >= 0 ? SPACE / 2 : LINE);
  const axes = new Map([[0, 0]]);
  const at = order.indexOf(0);
  for (const side of [1, -1]) {
    const taken = new Map();
    for (const column of side > 0 ? order.slice(at) : order.slice(0, at + 1).reverse()) {
      if (column) {
        let most = 0;
        for (const i of columns[column])
          for (const r of ranks(i))
            most = Math.max(most, (taken.get(r) ?? 0) * side + margin(i) + (side > 0 ? extent(i).before : extent(i).after));
        axes.set(column, side * most);
      }
      for (const i of columns[column])
        for (const r of ranks(i))
          taken.set(r, axes.get(column) + side * ((side > 0 ? extent(i).after : extent(i).before) + margin(i)));
    }
  }
  const across = [];
  columns.forEach((members, column) => members.forEach((i) => (across[i] = axes.get(column))));
  const bands = bandsOf(items, steps, extent, ranks, across);
  const spots = items.map((item, i) => {
    const [top, bottom] = [bands[item[1]][0], bands[item[2] - 1][1]];
    return { along: top + (bottom - top - extent(i).along) / 2, across: across[i] };
  });
  const hops = steps.map(([source, target, port, position, training]) => ({
    training,
    start: spots[source].along + extent(source).along,
    bend: bands[items[source][2] - 1][1],
    land: bands[items[target][1]][0],
    end: spots[target].along,
    left: across[source] + (extent(source).exits[port] ?? 0),
    entered: across[target] + (extent(target).entries[position] ?? 0),
    head: items[target][0] >= 0,
  }));
  let [before, after] = [0, 0];
  items.forEach((_, i) => {
    before = Math.max(before, extent(i).before - across[i]);
    after = Math.max(after, across[i] + extent(i).after);
  });
  for (const hop of hops) {
    before = Math.max(before, -hop.left, -hop.entered);
    after = Math.max(after, hop.left, hop.entered);
  }
  return { spots, hops, along: bands.length ? bands[bands.length - 1][1] : 0, before, after };
}

function bandsOf(items, steps, extent, ranks, across) {
  const count = items.reduce((most, item) => Math.max(most, item[2]), 0);
  const lengths = new Array(count).fill(0);
  const gaps = new Array(count).fill(GAP);
  for (const [source, target] of steps) {
    const r = items[target][1] - 1;
    gaps[r] = Math.max(gaps[r], Math.min(GAP + Math.abs(across[source] - across[target]) / 8, WIDEST));
  }
  const long = (i) => items[i][2] - items[i][1];
  const sorted = items.map((_, i) => i).sort((a, b) => long(a) - long(b));
  for (const i of sorted) {
    const on = ranks(i);
    let there = 0;
    on.forEach((r, k) => (there += lengths[r] + (k < on.length - 1 ? gaps[r] : 0)));
    const missing = Math.max(extent(i).along - there, 0);
    for (const r of on) lengths[r] += missing / on.length;
  }
  let top = 0;
  return lengths.map((length, r) => {
    const band = [top, top + length];
    top += length + gaps[r];
    return band;
  });
}

// -- drawing ---------------------------------------------------------------------------------------------------------

function node(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function draw() {
  const focused = document.activeElement?.dataset?.key;
  stage.replaceChildren();
  const placed = place(root);
  drawList(placed, placed.before, 0, stage);
  view.whole = { width: placed.before + placed.after, height: placed.along };
  if (focused) stage.querySelector(`[data-key="${focused}"]`)?.focus({ preventScroll: true });
  mark();
}

function drawList(placed, x, y, parent) {
  for (const hop of placed.hops) drawHop(hop, x, y, parent);
  placed.list.boxes.forEach((box, i) => {
    if (!box.width && !placed.inner[i]) return;
    drawBox(placed, i, x + placed.spots[i].across, y + placed.spots[i].along, parent);
  });
}

function drawHop(hop, x, y, parent) {
  const [x0, x1] = [x + hop.left, x + hop.entered];
  const [a, b, c, d] = [y + hop.start, y + hop.bend, y + hop.land, y + hop.end];
  const middle = (b + c) / 2;
  const bent = x0 === x1 ? "" : `L${x0} ${b}C${x0} ${middle} ${x1} ${middle} ${x1} ${c}`;
  node("path", { class: hop.training ? "e d" : "e", d: `M${x0} ${a}${bent}L${x1} ${d}` }, parent);
  if (hop.head) node("polygon", { class: "a", points: `${x1},${d} ${x1 - 3},${d - 6} ${x1 + 3},${d - 6}` }, parent);
}

function drawBox(placed, i, x, y, parent) {
  const box = placed.list.boxes[i];
  const inner = placed.inner[i];
  const extent = placed.extents[i];
  const behind = box.count > 1 ? BEHIND * STACKED : 0;
  const shape = inner ? box.openShape : box.shape;
  const width = inner ? extent.before + extent.inset : box.width;
  const height = inner ? extent.along - behind - (shape ? STRIP : 0) : box.height;
  const left = inner ? x - extent.before : x - box.width / 2;
  const group = node("g", { class: "box", "data-key": key(placed.number, i), "data-path": box.path }, parent);
  if (box.kind !== "terminal") {
    group.setAttribute("tabindex", "0");
    group.setAttribute("role", box.list === null ? "img" : "button");
    group.setAttribute("aria-label", [box.path, box.label, ...box.facts].join(", "));
    if (box.list !== null) group.setAttribute("aria-expanded", String(Boolean(inner)));
  }
  const radius = box.symbol || box.kind === "terminal" ? Math.min(width, height) / 2 : 4;
  for (let k = box.count > 1 ? STACKED : 0; k >= 0; k--)
    node("rect", { class: box.kind, x: left + BEHIND * k, y: y + BEHIND * k, width, height, rx: radius }, group);
  if (inner) node("rect", { class: "head", x: left, y, width, height: HEAD, rx: 4 }, group);
  if (box.symbol) {
    node("text", { class: "m", x, y: y + height / 2, "font-size": 14 }, group, box.symbol);
  } else {
    const line = inner ? HEAD : height;
    let at = left + (inner ? PAD : (width - box.line) / 2);
    for (const [text, long, style] of box.texts) {
      const size = style === "f" ? SMALL : NORMAL;
      const asked = { class: style, x: at, y: y + line / 2, "font-size": size, textLength: long };
      node("text", { ...asked, lengthAdjust: "spacingAndGlyphs" }, group, text);
      at += long + 6;
    }
  }
  if (inner) drawList(inner, x, y + HEAD, parent);
  if (shape) {
    const top = y + height + behind;
    node("path", { class: "e", d: `M${x} ${top}L${x} ${top + STRIP}` }, parent);
    node("text", { class: "f", x: x + 6, y: top + STRIP / 2, "font-size": SMALL }, parent, shape);
  }
}

// -- moving ----------------------------------------------------------------------------------------------------------

const at = { x: 0, y: 0, scale: 1 };

function move() {
  stage.setAttribute("transform", `translate(${at.x} ${at.y}) scale(${at.scale})`);
}

function fit() {
  const { width, height } = view.getBoundingClientRect();
  at.scale = Math.min(1.5, Math.max(0.35, Math.min((width - 40) / view.whole.width, (height - 40) / view.whole.height)));
  at.x = Math.max(20, (width - view.whole.width * at.scale) / 2);
  at.y = 20;
  move();
}

function zoom(factor, x, y) {
  const scale = Math.min(4, Math.max(0.02, at.scale * factor));
  at.x = x - ((x - at.x) * scale) / at.scale;
  at.y = y - ((y - at.y) * scale) / at.scale;
  at.scale = scale;
  move();
}

function zoomMiddle(factor) {
  const { width, height } = view.getBoundingClientRect();
  zoom(factor, width / 2, height / 2);
}

function show(group) {
  const outer = view.getBoundingClientRect();
  const inner = group.getBoundingClientRect();
  const [x, y] = [inner.x + inner.width / 2 - outer.x, inner.y + Math.min(inner.height, outer.height) / 2 - outer.y];
  if (x < 40 || y < 40 || x > outer.width - 40 || y > outer.height - 40) {
    at.x += outer.width / 2 - x;
    at.y += outer.height / 2 - y;
    move();
  }
}

view.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    const outer = view.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey || !event.shiftKey)
      zoom(Math.exp(-event.deltaY / 400), event.clientX - outer.x, event.clientY - outer.y);
  },
  { passive: false },
);

let held = null;
view.addEventListener("pointerdown", (event) => {
  held = { x: event.clientX, y: event.clientY, moved: false };
});
window.addEventListener("pointermove", (event) => {
  if (!held) return;
  const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
  if (!held.moved && Math.hypot(dx, dy) < 4) return;
  held = { x: event.clientX, y: event.clientY, moved: true };
  at.x += dx;
  at.y += dy;
  move();
});
window.addEventListener("pointerup", () => setTimeout(() => (held = null)));

// -- unfolding, telling, searching -----------------------------------------------------------------------------------

function boxOf(group) {
  const [list, i] = group.dataset.key.split(".").map(Number);
  return lists[list].boxes[i];
}

function toggle(box) {
  if (box.list === null) return;
  if (!unfolded.delete(box.list)) unfolded.add(box.list);
  draw();
}

function tell(box) {
  about.replaceChildren();
  const title = document.createElement("b");
  title.textContent = [box.path, box.label].filter(Boolean).join("  ");
  about.append(title);
  for (const line of [...box.facts, box.place].filter(Boolean)) {
    const row = document.createElement("div");
    row.textContent = line;
    about.append(row);
  }
}

stage.addEventListener("click", (event) => {
  const group = event.target.closest(".box");
  if (group && !held?.moved) toggle(boxOf(group));
});
for (const kind of ["pointerover", "focusin"])
  stage.addEventListener(kind, (event) => {
    const group = event.target.closest(".box");
    if (group && boxOf(group).kind !== "terminal") tell(boxOf(group));
    if (group && kind === "focusin") show(group);
  });

const parents = new Map(); // the list and box that a list stands in
lists.forEach((list, number) =>
  list.boxes.forEach((box, i) => box.list !== null && parents.set(box.list, [number, i])),
);
const every = lists.flatMap((list, number) =>
  list.boxes.map((box, i) => ({ box, number, i })).filter(({ box }) => box.kind !== "terminal"),
);
let hits = [];
let turn = -1;

function look(text) {
  const word = text.trim().toLowerCase();
  hits = word ? every.filter(({ box }) => `${box.path} ${box.label}`.toLowerCase().includes(word)) : [];
  turn = -1;
  found.textContent = word ? `${hits.length} found` : "";
  mark();
}

function next(step) {
  if (!hits.length) return;
  turn = (turn + step + hits.length) % hits.length;
  const { box, number, i } = hits[turn];
  for (let list = number; parents.has(list); list = parents.get(list)[0]) unfolded.add(list);
  draw();
  found.textContent = `${turn + 1} of ${hits.length}`;
  tell(box);
  const group = stage.querySelector(`[data-key="${key(number, i)}"]`);
  if (group) show(group);
}

function mark() {
  const chosen = hits[turn];
  const wanted = new Set(hits.map(({ number, i }) => key(number, i)));
  for (const group of stage.querySelectorAll(".box")) {
    group.classList.toggle("hit", wanted.has(group.dataset.key));
    group.classList.toggle("chosen", Boolean(chosen) && group.dataset.key === key(chosen.number, chosen.i));
  }
}

search.addEventListener("input", () => look(search.value));
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") next(event.shiftKey ? -1 : 1);
  if (event.key === "Escape") {
    search.value = "";
    look("");
    search.blur();
  }
});

const KEYS = {
  "+": () => zoomMiddle(1.25),
  "=": () => zoomMiddle(1.25),
  "-": () => zoomMiddle(0.8),
  0: fit,
  "/": () => search.focus(),
  ArrowLeft: () => (at.x += 60),
  ArrowRight: () => (at.x -= 60),
  ArrowUp: () => (at.y += 60),
  ArrowDown: () => (at.y -= 60),
};
window.addEventListener("keydown", (event) => {
  if (event.target === search || event.ctrlKey || event.metaKey || event.altKey) return;
  const group = event.target.closest?.(".box");
  if (group && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    toggle(boxOf(group));
  } else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
    move();
  }
});

const BUTTONS = {
  in: () => zoomMiddle(1.25),
  out: () => zoomMiddle(0.8),
  fit,
  unfold: () => (lists.forEach((_, number) => unfolded.add(number)), draw()),
  fold: () => (unfolded.clear(), draw(), fit()),
};
for (const [name, action] of Object.entries(BUTTONS)) document.getElementById(name).addEventListener("click", action);

function visit() {
  const path = decodeURIComponent(location.hash.slice(1));
  if (!path) return;
  hits = every.filter(({ box }) => box.path === path);
  turn = -1;
  next(1);
}
window.addEventListener("hashchange", visit);

draw();
fit();
visit();
