"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { make, say, weightChart, degreeChart, logChart } = charts(data);
  const $ = (id) => document.getElementById(id);
  const rows = (table) => table.rows.map((row) => Object.fromEntries(table.columns.map((c, i) => [c.key, row[i]])));
  const populations = rows(data.populations), projections = rows(data.projections);
  const chosen = { kind: "", name: "" };
  const marked = new Map(); // "population name" -> elements that show it

  function mark(kind, name, element) {
    const key = `${kind} ${name}`;
    if (!marked.has(key)) marked.set(key, []);
    marked.get(key).push(element);
  }

  // Tables
  function showTable(where, table, kind) {
    const head = make("tr"), body = make("tbody"), lines = [];
    table.rows.forEach((row, place) => {
      const tr = make("tr");
      row.forEach((value, i) => tr.append(make("td", table.columns[i].number ? { class: "number" } : {}, say(value))));
      if (kind) {
        tr.classList.add("pick");
        tr.tabIndex = 0;
        tr.addEventListener("click", () => choose(kind, row[0]));
        tr.addEventListener("keydown", (event) => pressed(event, () => choose(kind, row[0])));
        mark(kind, row[0], tr);
      }
      lines.push({ row, place, tr });
      body.append(tr);
    });
    table.columns.forEach((column, i) => {
      const th = make("th", { scope: "col", "aria-sort": "none", class: column.number ? "number" : "" });
      th.append(make("button", { type: "button", onclick: () => sortBy(i, th) }, column.label));
      head.append(th);
    });
    function sortBy(i, th) {
      const up = th.getAttribute("aria-sort") !== "ascending", way = up ? 1 : -1;
      for (const other of head.children) other.setAttribute("aria-sort", "none");
      th.setAttribute("aria-sort", up ? "ascending" : "descending");
      const empty = (v) => v === null || v === "";
      lines.sort((a, b) => {
        const [x, y] = [a.row[i], b.row[i]];
        if (empty(x) || empty(y)) return empty(x) - empty(y) || a.place - b.place;
        const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
        return way * order || a.place - b.place;
      });
      body.append(...lines.map((line) => line.tr));
    }
    where.append(make("table", {}, make("thead", {}, head), body));
    if (table.total > table.rows.length) where.append(make("p", { class: "note" }, `The ${say(table.rows.length)} largest of ${say(table.total)} are listed.`));
  }

  function pressed(event, act) {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  // Panel
  function choose(kind, name) {
    chosen.kind = kind;
    chosen.name = name;
    for (const elements of marked.values()) for (const element of elements) element.classList.remove("chosen");
    for (const element of marked.get(`${kind} ${name}`) || []) element.classList.add("chosen");
    showPanel(kind, name);
  }

  function showPanel(kind, name) {
    const panel = $("panel"), table = kind === "population" ? populations : projections;
    const columns = (kind === "population" ? data.populations : data.projections).columns;
    const row = table.find((r) => r.name === name);
    panel.replaceChildren(make("h3", {}, `${kind} ${name}`));
    if (!row) return;
    const facts = make("dl");
    for (const column of columns.slice(1)) if (row[column.key] !== "") facts.append(make("dt", {}, column.label), make("dd", {}, say(row[column.key])));
    panel.append(facts);
    if (kind === "projection") {
      panel.append(weightChart(name) || "", list("between", [["population", row.pre], ["population", row.post]]));
      return;
    }
    const curves = data.degrees.populations[name];
    if (curves) panel.append(degreeChart(curves, `degrees in ${name}`));
    panel.append(list("hears", projections.filter((p) => p.post === name).map((p) => ["projection", p.name])));
    panel.append(list("reaches", projections.filter((p) => p.pre === name).map((p) => ["projection", p.name])));
  }

  function list(label, items) {
    const ul = make("ul");
    for (const [kind, name] of items.slice(0, 60)) ul.append(make("li", {}, make("button", { type: "button", onclick: () => choose(kind, name) }, name)));
    return items.length ? make("div", {}, make("h3", {}, items.length > 60 ? `${label} (60 of ${items.length})` : label), ul) : "";
  }

  // Diagram
  const view = $("view"), spot = { x: 0, y: 0, w: data.diagram.width, h: data.diagram.height };
  function look() { view.setAttribute("viewBox", `${spot.x} ${spot.y} ${spot.w} ${spot.h}`); }
  function fit() {
    const box = view.getBoundingClientRect(), shape = (box.width || 800) / (box.height || 620);
    let w = Math.max(data.diagram.width, data.diagram.height * shape, (box.width || 800) / 1.9);
    Object.assign(spot, { w, h: w / shape, x: (data.diagram.width - w) / 2, y: (data.diagram.height - w / shape) / 2 });
    look();
  }
  function zoom(by, x = spot.x + spot.w / 2, y = spot.y + spot.h / 2) {
    const most = 40 * Math.max(data.diagram.width, data.diagram.height), f = Math.min(Math.max(by, 30 / spot.w), most / spot.w);
    Object.assign(spot, { x: x - (x - spot.x) * f, y: y - (y - spot.y) * f, w: spot.w * f, h: spot.h * f });
    look();
  }
  function move(dx, dy) { spot.x += dx * spot.w; spot.y += dy * spot.h; look(); }

  function pick(kind, name, element, label) {
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", label);
    element.dataset.kind = kind;
    element.dataset.name = name;
    element.addEventListener("click", () => choose(kind, name));
    element.addEventListener("keydown", (event) => pressed(event, () => choose(kind, name)));
    element.append(make("title", {}, label));
    mark(kind, name, element);
    view.append(element);
  }

  function drawLink(link) {
    const [a, b, c, d] = link.curve, path = `M${a} C${b} ${c} ${d}`;
    const g = make("g", { class: `link ${link.effect}${link.delay ? " late" : ""}` });
    g.append(make("path", { class: "line", d: path }), make("path", { class: "hit", d: path }));
    let [x, y] = [d[0] - c[0], d[1] - c[1]];
    const size = Math.hypot(x, y) || 1;
    [x, y] = [(x / size) * 7, (y / size) * 7];
    g.append(make("path", { class: "head", d: `M${d[0]} ${d[1]}L${d[0] - x - y * 0.42} ${d[1] - y + x * 0.42}L${d[0] - x + y * 0.42} ${d[1] - y - x * 0.42}Z` }));
    if (link.at) {
      const lines = link.label.split("\n"), wide = Math.max(...lines.map((l) => l.length)) * 3.7 + 4, high = lines.length * 9 + 1;
      g.append(make("rect", { class: "back", x: link.at[0] - wide / 2, y: link.at[1] - high / 2, width: wide, height: high }));
      lines.forEach((line, i) => g.append(make("text", { x: link.at[0], y: link.at[1] + (i - (lines.length - 1) / 2) * 9, "font-size": 6.8 }, line)));
    }
    pick("projection", link.name, g, `projection ${link.name}, from ${link.pre} to ${link.post}: ${link.label.replace("\n", ", ")}`);
  }

  function drawBox(box) {
    const g = make("g", { class: `box ${box.kind}${box.input ? " input" : ""}` });
    g.append(make("rect", { x: box.x - box.w / 2, y: box.y - box.h / 2, width: box.w, height: box.h, rx: 4 }));
    const heights = { 1: [0], 2: [-0.16, 0.2], 3: [-0.27, 0.04, 0.31] }[box.lines.length];
    box.lines.forEach((line, i) => g.append(make("text", { x: box.x, y: box.y + heights[i] * box.h, "font-size": i ? 7.2 : 9.2, "font-weight": i ? 400 : 700 }, line)));
    pick("population", box.name, g, `population ${box.name}: ${box.lines.slice(1).join(", ")}`);
  }

  function showDiagram() {
    data.diagram.links.forEach(drawLink);
    data.diagram.boxes.forEach(drawBox);
    const [boxes, links] = data.diagram.hidden, effects = new Set(data.diagram.links.map((l) => l.effect));
    const words = { excites: "blue excites", inhibits: "vermilion inhibits", mixed: "grey does both" };
    const said = Object.keys(words).filter((k) => effects.has(k)).map((k) => words[k]);
    if (data.diagram.links.some((l) => l.delay)) said.push("dashed is delayed");
    if (boxes || links) said.push(`left out: ${say(boxes)} smaller populations and ${say(links)} projections`);
    $("diagram-note").textContent = [said.join("; "), "Click, or Tab and Enter, for details; drag and wheel, or arrow keys and + −, to look around."].filter(Boolean).join(". ");
    let held = null;
    view.addEventListener("pointerdown", (e) => { held = { x: e.clientX, y: e.clientY }; });
    view.addEventListener("pointermove", (e) => {
      if (!held || !(e.buttons & 1)) return;
      const k = spot.w / view.getBoundingClientRect().width;
      spot.x -= (e.clientX - held.x) * k;
      spot.y -= (e.clientY - held.y) * k;
      held = { x: e.clientX, y: e.clientY };
      look();
    });
    addEventListener("pointerup", () => { held = null; });
    view.addEventListener("wheel", (e) => {
      e.preventDefault();
      const box = view.getBoundingClientRect();
      zoom(e.deltaY > 0 ? 1.15 : 1 / 1.15, spot.x + ((e.clientX - box.left) / box.width) * spot.w, spot.y + ((e.clientY - box.top) / box.height) * spot.h);
    }, { passive: false });
    view.addEventListener("keydown", (e) => {
      const act = { ArrowLeft: () => move(-0.1, 0), ArrowRight: () => move(0.1, 0), ArrowUp: () => move(0, -0.1), ArrowDown: () => move(0, 0.1), "+": () => zoom(1 / 1.2), "-": () => zoom(1.2), 0: fit }[e.key];
      if (act) { e.preventDefault(); act(); }
    });
    $("zoom-in").addEventListener("click", () => zoom(1 / 1.3));
    $("zoom-out").addEventListener("click", () => zoom(1.3));
    $("zoom-fit").addEventListener("click", fit);
    fit();
  }

  // Matrix
  const matrix = { ...data.adjacency, ...data.adjacency.orders[0], pixels: null, row: 0, column: 0 };

  function chooseOrder(order) {
    const bytes = Uint8Array.from(atob(order.values), (c) => c.charCodeAt(0)), numbers = new DataView(bytes.buffer);
    Object.assign(matrix, order, { pixels: Float32Array.from({ length: bytes.length / 4 }, (_, i) => numbers.getFloat32(4 * i, true)) });
    const { n, bins, kind, pairs, begins, names } = matrix, lines = $("matrix-blocks");
    const what = kind === "weight" ? "Each pixel is the weight from one unit to another" : `Each pixel is the share of connected pairs among about ${Math.round(n / bins)} by ${Math.round(n / bins)} units, on a logarithmic scale`;
    $("adjacency-note").textContent = `${say(n)} units, ${say(pairs)} connected pairs; presynaptic units downwards, postsynaptic to the right. ${what}. ${order.note}`;
    $("matrix").setAttribute("aria-label", `matrix of ${n} units in ${names.length} blocks`);
    lines.setAttribute("viewBox", `0 0 ${n} ${n}`);
    const edges = begins.slice(1).filter((edge) => edge < n);
    lines.replaceChildren(...edges.flatMap((edge) => [make("line", { x1: 0, x2: n, y1: edge, y2: edge }), make("line", { x1: edge, x2: edge, y1: 0, y2: n })]));
    for (const button of $("orders").children) button.setAttribute("aria-pressed", button.textContent === order.label);
    paintMatrix();
  }

  function paintMatrix() {
    const { bins, kind, pixels } = matrix, canvas = $("matrix");
    canvas.width = canvas.height = bins;
    const context = canvas.getContext("2d"), image = context.createImageData(bins, bins);
    const sizes = pixels.filter((v) => v && !Number.isNaN(v)).map(Math.abs).sort();
    const top = sizes[Math.floor((sizes.length - 1) * (kind === "share" ? 1 : 0.98))] || 1, least = sizes[0] || top;
    const dark = document.documentElement.classList.contains("dark");
    const paper = dark ? [21, 25, 30] : [250, 250, 250], blue = dark ? [120, 200, 250] : [0, 70, 130], red = dark ? [255, 160, 90] : [180, 60, 0];
    pixels.forEach((v, i) => {
      let depth = 0;
      if (v && !Number.isNaN(v)) {
        depth = kind === "share" && least < top ? Math.log(Math.abs(v) / least) / Math.log(top / least) : Math.min(1, Math.abs(v) / top);
        depth = 0.25 + 0.75 * depth;
      }
      const ink = v < 0 ? red : blue;
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = paper[c] + depth * (ink[c] - paper[c]);
      image.data[4 * i + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  }

  function tellMatrix(row, column) {
    const { n, bins, kind, pixels, begins, names } = matrix, within = (i) => Math.min(bins - 1, Math.max(0, i));
    Object.assign(matrix, { row: within(row), column: within(column) });
    const v = pixels[matrix.row * bins + matrix.column], unit = (i) => Math.floor((i * n) / bins);
    const block = (i) => names[begins.findLastIndex((b) => b <= unit(i))] || "the units";
    const value = Number.isNaN(v) || (kind === "share" && !v) ? "not connected" : kind === "weight" ? `weight ${say(v)}` : `${say(100 * v)} % of pairs connected`;
    $("matrix-said").textContent = `row ${say(unit(matrix.row))} (${block(matrix.row)}) to column ${say(unit(matrix.column))} (${block(matrix.column)}): ${value}`;
  }

  function showMatrix() {
    const canvas = $("matrix"), orders = data.adjacency.orders;
    if (orders.length > 1) $("orders").append(...orders.map((order) => make("button", { type: "button", onclick: () => chooseOrder(order) }, order.label)));
    canvas.addEventListener("pointermove", (e) => {
      const box = canvas.getBoundingClientRect();
      tellMatrix(Math.floor(((e.clientY - box.top) / box.height) * matrix.bins), Math.floor(((e.clientX - box.left) / box.width) * matrix.bins));
    });
    canvas.addEventListener("keydown", (e) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[e.key];
      if (step) { e.preventDefault(); tellMatrix(matrix.row + step[0], matrix.column + step[1]); }
    });
    chooseOrder(orders[0]);
  }

  // Filter and theme
  function filter() {
    const wanted = $("filter").value.trim().toLowerCase();
    let shown = 0, all = 0;
    const keep = new Set();
    for (const [kind, table] of [["population", populations], ["projection", projections]]) {
      for (const row of table) {
        all++;
        if (!Object.values(row).some((v) => typeof v === "string" && v.toLowerCase().includes(wanted))) continue;
        keep.add(`${kind} ${row.name}`);
        shown++;
      }
    }
    for (const [key, elements] of marked) {
      for (const element of elements) {
        if (element.tagName === "TR") element.hidden = !keep.has(key);
        else element.classList.toggle("faded", !keep.has(key));
      }
    }
    $("matches").textContent = wanted ? `${say(shown)} of ${say(all)}` : "";
  }

  function setTheme(dark) {
    document.documentElement.classList.toggle("dark", dark);
    $("theme").textContent = dark ? "Light" : "Dark";
  }

  setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
  $("theme").addEventListener("click", () => { setTheme(!document.documentElement.classList.contains("dark")); paintMatrix(); });
  $("filter").addEventListener("input", filter);
  showDiagram();
  showTable($("populations"), data.populations, "population");
  showTable($("projections"), data.projections, "projection");
  showMatrix();
  $("distributions").append(degreeChart(data.degrees.all, "degrees of all units"));
  projections.filter((p) => p.learning !== "fixed").slice(0, 12).forEach((p) => { const chart = weightChart(p.name); if (chart) $("distributions").append(chart); });
  if (data.log) {
    for (const [label, curves] of Object.entries(data.log.curves)) $("log-charts").append(logChart(label, curves));
    showTable($("log"), data.log.edits, "");
  } else {
    $("log").append(make("p", { class: "note" }, "No edits: this circuit was not changed since it was made, or its network's log was not given."));
  }
  $("footer").textContent = [`circuit ${data.fingerprint}`, ...data.attributes.map(([k, v]) => `${k}: ${say(v)}`)].join("; ");
  choose("population", populations[0].name);
})();
