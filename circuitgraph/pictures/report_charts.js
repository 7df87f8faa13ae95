"use strict";
// What every part of the page is made with, and the charts.
const charts = (data) => {
  const NS = "http://www.w3.org/2000/svg";
  const INKS = ["--ink", "--excites", "--inhibits", "--s3", "--s4", "--s5", "--s6"];

  // Text only ever enters as text: no name can become markup.
  function make(tag, attributes = {}, ...children) {
    const svg = ["svg", "g", "rect", "path", "text", "title", "line", "circle", "tspan"].includes(tag);
    const element = svg ? document.createElementNS(NS, tag) : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (key === "color") element.style.stroke = element.style.background = `var(${value})`;
      else if (key === "fillwith") element.style.fill = `var(${value})`;
      else element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined).map((c) => (c instanceof Node ? c : String(c))));
    return element;
  }

  function say(value) {
    if (value === null || value === undefined || value === "") return "–";
    if (typeof value !== "number") return String(value);
    if (Number.isInteger(value)) return value.toLocaleString("en-US");
    const size = Math.abs(value);
    return size >= 1e6 || size < 1e-3 ? value.toExponential(2) : value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
  }

  function ticks(low, high, log) {
    if (log) {
      const out = [];
      for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
        const v = 10 ** e;
        if (v >= low * 0.999 && v <= high * 1.001) out.push(v);
      }
      return out.length > 1 ? out : [low, high];
    }
    const rough = (high - low) / 4 || 1, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
    const out = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) out.push(Math.abs(v) < step * 1e-6 ? 0 : v);
    return out;
  }

  function brief(value) {
    return Math.abs(value) >= 1e4 ? value.toLocaleString("en-US", { notation: "compact", maximumFractionDigits: 1 }) : say(value);
  }

  function frame(options) {
    const { width = 340, height = 210, x, y, labels } = options;
    const area = { left: 58, right: width - 10, top: 8, bottom: height - 36 };
    const scale = (range, log, a, b) => {
      const f = log ? Math.log10 : (v) => v, low = f(range[0]), span = f(range[1]) - low || 1;
      return (v) => a + ((f(v) - low) / span) * (b - a);
    };
    const at = { x: scale(x.range, x.log, area.left, area.right), y: scale(y.range, y.log, area.bottom, area.top) };
    const svg = make("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": options.title });
    svg.append(make("line", { class: "axis", x1: area.left, x2: area.right, y1: area.bottom, y2: area.bottom }));
    svg.append(make("line", { class: "axis", x1: area.left, x2: area.left, y1: area.top, y2: area.bottom }));
    let last = -99;
    for (const v of ticks(...x.range, x.log)) {
      if (at.x(v) - last < 38) continue;
      last = at.x(v);
      svg.append(make("text", { x: last, y: area.bottom + 14, "text-anchor": "middle" }, brief(v)));
    }
    for (const v of ticks(...y.range, y.log)) svg.append(make("text", { x: area.left - 6, y: at.y(v) + 4, "text-anchor": "end" }, brief(v)));
    svg.append(make("text", { x: (area.left + area.right) / 2, y: height - 4, "text-anchor": "middle" }, labels[0]));
    const middle = (area.top + area.bottom) / 2;
    svg.append(make("text", { x: 11, y: middle, "text-anchor": "middle", transform: `rotate(-90 11 ${middle})` }, labels[1]));
    return { svg, at, area };
  }

  function figure(svg, caption, keys = []) {
    const text = make("figcaption", {}, caption);
    for (const [name, ink] of keys) text.append(" ", make("span", { class: "key", color: ink }), name);
    return make("figure", {}, svg, text);
  }

  function weightChart(name) {
    const h = data.weights[name];
    if (!h) return null;
    const top = Math.max(...h.counts, 1), end = h.from + h.step * h.counts.length;
    const f = frame({ title: `weights of ${name}`, x: { range: [h.from, end] }, y: { range: [0, top] }, labels: ["weight", "slots"] });
    h.counts.forEach((count, i) => {
      const low = h.from + i * h.step, a = f.at.x(low), b = f.at.x(low + h.step);
      const bar = make("rect", { class: "bar", x: a, y: f.at.y(count), width: Math.max(0.5, b - a - 0.5), height: f.area.bottom - f.at.y(count), fillwith: low + h.step / 2 < 0 ? "--inhibits" : "--excites" });
      bar.append(make("title", {}, `${say(low)} to ${say(low + h.step)}: ${say(count)} slots`));
      f.svg.append(bar);
    });
    return figure(f.svg, `weights of ${name}: ${say(h.counts.reduce((a, b) => a + b, 0))} slots`);
  }

  function degreeChart(curves, caption) {
    const points = [...curves.in, ...curves.out];
    if (curves.in.length < 2 && curves.out.length < 2) {
      const words = [["in", "hears"], ["out", "reaches"]].map(([side, verb]) => curves[side].map(([k, s]) => `${s === 1 ? "every unit" : `${say(100 * s)} % of the units`} ${verb} ${say(k)}`)).flat();
      return make("p", { class: "note degrees" }, `${caption}: ${words.join(", ") || "no connection"}.`);
    }
    const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
    const x = { range: [Math.min(...xs), Math.max(Math.max(...xs), Math.min(...xs) * 2)], log: true };
    const y = { range: [Math.min(...ys, 0.5), 1], log: true };
    const f = frame({ title: caption, x, y, labels: ["degree k (connected units)", "share with degree ≥ k"] });
    for (const [side, ink] of [["in", "--excites"], ["out", "--inhibits"]]) {
      const curve = curves[side];
      const path = curve.map(([k, s], i) => (i ? `V${f.at.y(s)}H${f.at.x(k)}` : `M${f.at.x(k)} ${f.at.y(s)}`)).join("");
      f.svg.append(make("path", { class: "curve", d: path, color: ink, fill: "none" }));
      for (const [k, s] of curve) f.svg.append(make("circle", { cx: f.at.x(k), cy: f.at.y(s), r: 2, fillwith: ink }, make("title", {}, `${side}: ${say(100 * s)} % have at least ${say(k)}`)));
    }
    return figure(f.svg, caption, [["in", "--excites"], ["out", "--inhibits"]]);
  }

  function logChart(label, curves) {
    const values = Object.values(curves).flat().filter((v) => v !== null), steps = data.log.steps;
    const low = Math.min(...values), high = Math.max(...values), room = (high - low) * 0.08 || 0.5;
    const f = frame({ title: label, x: { range: [steps[0], Math.max(steps.at(-1), steps[0] + 1)] }, y: { range: [low - room, high + room] }, labels: ["training step", label] });
    const names = Object.keys(curves);
    names.forEach((name, i) => {
      let path = "";
      curves[name].forEach((v, k) => {
        if (v !== null) path += path ? `H${f.at.x(steps[k])}V${f.at.y(v)}` : `M${f.at.x(steps[k])} ${f.at.y(v)}`;
      });
      f.svg.append(make("path", { class: "curve", d: path, color: INKS[i % INKS.length], fill: "none" }));
    });
    for (const step of new Set(steps)) f.svg.append(make("line", { class: "axis", x1: f.at.x(step), x2: f.at.x(step), y1: f.area.bottom - 7, y2: f.area.bottom }));
    return figure(f.svg, `${label}; a mark for each edit:`, names.map((name, i) => [name, INKS[i % INKS.length]]));
  }

  return { make, say, weightChart, degreeChart, logChart };
};
