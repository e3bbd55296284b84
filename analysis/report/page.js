"use strict";
/* Fills the page from the data that stands in it. Text from the results file only ever becomes text, never markup. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { short, duration, trim } = charts;
  const $ = (id) => document.getElementById(id);
  const make = (tag, name, text) => {
    const e = document.createElement(tag);
    if (name) e.className = name;
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const known = (v) => v !== null && v !== undefined;
  const percent = (v) => (known(v) ? `${v !== 0 && Math.abs(v) < 0.001 ? "<0.1" : trim(Math.round(v * 1000) / 10)}\u202f%` : "–");
  const plural = (n, one, many) => `${short(n)} ${n === 1 ? one : many || one + "s"}`;
  const s = data.summary, about = data.about;

  /* ---- theme: as the system says, unless chosen ---- */
  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  try { theme = localStorage.getItem("weft-theme") || "auto"; } catch (e) { /* a page from a file may have no storage */ }
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  function paint(first) {
    const dark = theme === "dark" || (theme === "auto" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    $("theme").textContent = { auto: "Colours: auto", light: "Colours: light", dark: "Colours: dark" }[theme];
    if (!first) charts.redraw();
  }
  $("theme").addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("weft-theme", theme); } catch (e) { /* as above */ }
    paint(false);
  });
  system.addEventListener("change", () => paint(false));
  paint(true);

  /* ---- a run, or recorded blocks replayed ---- */
  const replay = about.kind === "replay";
  for (const e of document.querySelectorAll(replay ? ".run-only" : ".replay-only")) e.hidden = true;
  for (const e of document.querySelectorAll(replay ? ".replay-only" : ".run-only")) e.hidden = false;

  /* ---- what ran ---- */
  const one = data.layers[0] || {};
  const title = about.scenario_name || "A run";
  document.title = `${title}: weft report`;
  $("title").textContent = title;
  const cores = data.nodes.length ? data.nodes[0].cores : 0;
  const ran = [
    `${plural(data.node_count, "node")}${data.layers.length > 1 ? ` in ${plural(data.layers.length, "layer")}` : ""}`,
    one.consensus && `${one.consensus} consensus`,
    one.executor && `${one.executor} on ${plural(cores, "core")}`,
    one.fees && `${one.fees} fees`,
    `${duration(about.end_time)} of simulated time`,
    `seed ${about.seed}`,
  ];
  $("what").textContent = ran.filter(Boolean).join(" · ");
  $("verdict").textContent = s.verdict;
  $("warning").hidden = !s.warning;
  $("warning").textContent = s.warning || "";
  const blocksRun = data.replayed || [];
  const total = (key) => blocksRun.reduce((sum, b) => sum + (b[key] || 0), 0);
  const times = (a, b) => (b > 0 ? `${trim(a / b)}` : "–");
  $("covers").textContent = `Figures are of the measured part, ${duration(s.measured)} without warm-up and drain, unless they say otherwise.`;
  if (replay) {
    document.querySelector(".brand span").textContent = "recorded blocks replayed";
    $("about-title").textContent = "About this replay";
    $("what").textContent = `${plural(blocksRun.length, "block")} · ${one.executor} on ${plural(cores, "simulated core")} · cost profile ${about.cost_profile} · seed ${about.seed}`;
    $("verdict").textContent = `${times(total("serial"), total("makespan"))} times as fast as one core; an oracle that knows every conflict beforehand reaches ${times(total("serial"), total("oracle"))}.`;
    $("covers").textContent = "Figures are of all blocks together, unless they say otherwise.";
  }
  if (!about.completed) {
    $("unfinished").hidden = false;
    $("unfinished").textContent = `The page shows what had been written after ${duration(about.end_time)} of simulated time.`;
  }

  /* ---- cards ---- */
  const card = (name, value, unit, ...more) => {
    const c = make("div", "card");
    c.append(make("div", "name", name));
    const v = make("div", "value", value);
    if (unit) v.append(" ", make("small", "", unit));
    c.append(v);
    for (const m of more.filter(Boolean)) c.append(make("div", "more", m));
    $("cards").append(c);
  };
  const gwei = (wei) => (known(wei) ? short(wei / 1e9) : "–");
  if (replay) {
    card("Speed-up", times(total("serial"), total("makespan")), "times one core", `${duration(total("makespan") / 1e9)} instead of ${duration(total("serial") / 1e9)}`);
    card("Oracle", times(total("serial"), total("oracle")), "times one core", `${percent(total("oracle") / total("makespan"))} of it reached`);
    card("Cores in use", percent(blocksRun.reduce((sum, b) => sum + b.busy, 0) / blocksRun.reduce((sum, b) => sum + b.makespan * b.cores, 0)), "of the cores’ time");
    card("Executed again", percent(total("again") / total("txs")), "of transactions", `${plural(total("aborts"), "abort")} in ${plural(total("executions"), "execution")}`);
    card("Gas wasted", percent(total("wasted") / (total("gas") + total("wasted"))), "of gas executed", `${short(total("wasted"))} wasted, ${short(total("gas"))} useful`);
    card("Blocks", short(blocksRun.length), blocksRun.length === 1 ? "block" : "blocks", plural(total("txs"), "transaction"));
  } else {
    card("Throughput", short(s.achieved), "tx/s final", `of ${short(s.offered)} tx/s offered`,
      `${short(s.committed_txs)} of ${plural(s.offered_txs, "transaction")} of the whole run final at its end` + (s.pending_txs ? `, ${short(s.pending_txs)} waiting` : ""));
    card("Time to final", known(s.latency_50) ? duration(s.latency_50) : "–", "median",
      known(s.latency_50) ? `9 in 10 within ${duration(s.latency_90)}`
        : about.record_transactions === "none" ? "transactions were not recorded" : "nothing that was submitted while measuring became final",
      known(s.latency_50) && `99 in 100 within ${duration(s.latency_99)}`);
    card("Fees", gwei(s.base_fee), "gwei base fee", known(s.base_fee_low) && `from ${gwei(s.base_fee_low)} to ${gwei(s.base_fee_high)} gwei per gas`,
      known(s.tip) && `median tip ${gwei(s.tip)} gwei` + (known(s.fee) ? `, ${trim(s.fee / 1e18)} ether a transaction` : ""));
    card("Block fill", percent(s.use_blocks), "of the gas limit", known(s.full_blocks) && `${percent(s.full_blocks)} of blocks were full`);
    card("Work thrown away", percent(s.abort_share), "of executions",
      known(s.abort_share) && `${plural(s.aborts, "abort")} in ${plural(s.executions, "execution")}`,
      known(s.speed_up) && `${trim(s.speed_up)} times as fast as one core`);
    card("Chain", short(s.blocks), s.blocks === 1 ? "block" : "blocks", known(s.block_interval) && `one every ${duration(s.block_interval)}`,
      `whole run: ${plural(s.all_blocks, "block")}, ${plural(s.stale_blocks, "stale block")}, ${plural(s.view_changes, "view change")}`);
  }

  /* ---- limits ---- */
  const uses = [["Block space", s.use_blocks], ["Time to execute blocks", s.use_execution], ["Cores, mean of all nodes", s.use_cores],
    ["Upload link, busiest node", s.use_uplink], ["Download link, busiest node", s.use_downlink]].filter((u) => known(u[1]));
  const longest = Math.max(...uses.map((u) => u[1]));
  for (const [name, share] of uses) {
    const row = make("div", "limit" + (share === longest ? " tight" : ""));
    const track = make("div", "track"), fill = make("div", "fillbar");
    fill.style.width = `${Math.min(100, 100 * share)}%`;
    track.append(fill);
    row.append(make("div", "", name), track, make("div", "number", percent(share)));
    $("limits").append(row);
  }
  if (!uses.length || replay) $("limits-panel").hidden = true;

  /* ---- layer selector ---- */
  const groups = data.series.groups || [];
  let shown = -1; // all layers
  const name = (i) => (data.layers[i] ? data.layers[i].name : `layer ${i}`);
  if (groups.length > 1) {
    $("layer-control").hidden = false;
    for (const g of groups) $("layer").append(new Option(g.layer < 0 ? "all layers" : name(g.layer), g.layer));
    $("layer").addEventListener("change", () => { shown = +$("layer").value; charts.redraw(); });
  }
  const group = () => groups.find((g) => g.layer === shown);

  /* ---- charts over time ---- */
  const end = about.end_time || 1;
  const phases = [];
  if (about.warm_up_end > 0) phases.push({ name: "warm-up", from: 0, to: about.warm_up_end });
  if (about.load_end > 0 && about.load_end < end) phases.push({ name: "drain", from: about.load_end, to: end });
  charts.setTime([0, end], { faults: data.faults, phases, stale: () => data.stale.filter((b) => shown < 0 || b.layer === shown) });
  const seconds = (v, axis) => (axis && end < 600 ? `${trim(v)}\u202fs` : duration(+v.toPrecision(4)));
  const gweiText = (v) => `${short(v)}`;
  const line = (label, x, values, colour, extra) => values && { name: label, x, m: values.m, l: values.l, h: values.h, colour, ...extra };
  const t = data.series.t || [], t1 = data.series.t1 || [];
  const rate = (v, axis) => (axis ? short(v) : `${short(v)} tx/s`);
  charts.lines("load", {
    time: true, xText: seconds, yText: rate, label: `Load over time. ${s.verdict}`,
    lines: () => (group() ? [line("offered", t, group().offered, 1, { dash: [6, 4] }), line("became final", t, group().achieved, 0, { width: 2.4 })] : []),
  });
  charts.lines("pending", {
    time: true, xText: seconds, yText: short, label: "Waiting transactions over time.",
    lines: () => (group() ? [line("waiting", t1, group().pending, 2)] : []),
  });

  /* Blocks: one layer in detail, or one line for each. */
  const blocks = () => data.blocks.filter((b) => b.t.length && (shown < 0 || b.layer === shown));
  const perBlock = (key, label, colour) => (b, many) => ({
    name: many ? name(b.layer) : label, x: b.t, m: b[key], l: b.step > 1 ? b[`${key}_low`] : null, h: b.step > 1 ? b[`${key}_high`] : null,
    colour: many ? b.layer : colour,
  });
  charts.lines("fees", {
    time: true, xText: seconds, yText: (v, axis) => (axis ? gweiText(v) : `${gweiText(v)} gwei`), label: "Base fee and tips over time, in gwei.",
    lines: () => {
      const bs = blocks();
      if (bs.length > 1) return bs.map((b) => perBlock("base", "base fee", 0)(b, true));
      return bs.flatMap((b) => [perBlock("base", "base fee", 0)(b, false),
        { name: "median tip", x: b.t, m: b.tip, l: b.tip_low, h: b.tip_high, colour: 1, dash: [6, 4] }]);
    },
  });
  charts.lines("fill", {
    time: true, xText: seconds, yText: (v) => `${trim(v)} %`, yRange: () => [0, 105], label: "Block fill over time, in percent of the gas limit.",
    lines: () => blocks().map((b, _, a) => perBlock("fill", "gas used", 0)(b, a.length > 1)),
  });
  charts.lines("execution", {
    time: true, xText: seconds, yText: (v) => duration(v / 1e3), label: "Time to execute a block, over time.",
    lines: () => {
      const bs = blocks();
      if (bs.length > 1) return bs.map((b) => perBlock("makespan", "", 0)(b, true));
      return bs.flatMap((b) => [perBlock("makespan", "these cores", 0)(b, false), { name: "one core", x: b.t, m: b.serial, colour: 1, dash: [6, 4] },
        { name: "oracle", x: b.t, m: b.oracle, colour: 3, dash: [10, 3] },
        { name: "longest chain", x: b.t, m: b.critical, colour: 2, dash: [2, 3] }]);
    },
  });
  charts.lines("use", {
    time: true, xText: seconds, yText: (v) => `${trim(v)} %`, label: "Use of cores and links over time, in percent.",
    lines: () => {
      const g = group();
      const share = (v) => v && { m: scale(v.m), l: scale(v.l), h: scale(v.h) };
      const scale = (a) => (a ? a.map((x) => (x === null ? null : 100 * x)) : a);
      return g ? [line("cores", t, share(g.cores), 0), line("upload", t, share(g.uplink), 1, { dash: [6, 4] }), line("download", t, share(g.downlink), 2, { dash: [2, 3] })] : [];
    },
  });

  /* ---- latency: all curves on one grid of times, so that a hover reads them all ---- */
  const curves = data.latency.map((c) => {
    const x = [...c.x.slice(0, 199), ...c.tail, c.x[200]], y = [...Array(199).keys()].map((i) => i / 2).concat([1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => 99 + i / 10), [100]);
    return { name: c.name, count: c.count, x, y };
  });
  if (curves.length) {
    const low = Math.log10(Math.max(1e-6, Math.min(...curves.map((c) => c.x[0])))), high = Math.log10(Math.max(...curves.map((c) => c.x[c.x.length - 1])) * 1.02 || 1);
    const grid = [...Array(301).keys()].map((i) => low + ((high - low) * i) / 300);
    const reach = (c, seconds) => {
      let a = 0, b = c.x.length;
      while (a < b) { const m = (a + b) >> 1; if (c.x[m] <= seconds) a = m + 1; else b = m; }
      if (a === 0) return 0;
      if (a === c.x.length) return 100;
      const width = c.x[a] - c.x[a - 1];
      return width > 0 ? c.y[a - 1] + ((c.y[a] - c.y[a - 1]) * (seconds - c.x[a - 1])) / width : c.y[a];
    };
    /* Of several rows of round times, the fullest whose labels have room. */
    const ticks = (from, to, pixels) => {
      const low = 10 ** from, high = 10 ** to, rows = [];
      for (const row of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]]) {
        const times = [];
        for (let d = Math.floor(from); d <= Math.ceil(to); d++) times.push(...row.map((k) => k * 10 ** d));
        rows.push(times);
      }
      for (let d = Math.floor(to); to - from < 1.2 && d >= Math.floor(to) - 2; d--)
        for (const k of [5, 2, 1]) {
          const step = k * 10 ** d, first = Math.ceil(low / step - 1e-9);
          rows.push([...Array(Math.max(0, Math.min(99, Math.floor(high / step) - first + 1))).keys()].map((i) => (first + i) * step));
        }
      let best = [];
      for (const row of rows) {
        const out = row.filter((v) => v >= low && v <= high).map((v) => ({ v: Math.log10(v), label: duration(v) }));
        const room = out.every((tick, i) => i === 0 || ((tick.v - out[i - 1].v) / (to - from)) * pixels >= 52);
        if (out.length > best.length && (room || !best.length)) best = out;
      }
      return best;
    };
    charts.lines("latency", {
      xText: (v) => `within ${duration(10 ** v)}`, yText: (v) => `${+v.toFixed(1)} %`, yRange: () => [0, 101], ticker: ticks,
      label: `Share of transactions final within a time: half within ${duration(s.latency_50)}, 99 in 100 within ${duration(s.latency_99)}.`,
      lines: () => curves.map((c, i) => ({ name: c.name, x: grid, m: grid.map((v) => reach(c, 10 ** v)), colour: i, dash: i ? [[6, 4], [2, 3], [10, 3], [4, 2]][(i - 1) % 4] : null, width: i ? 1.8 : 2.6 })),
    });
  } else {
    $("latency").replaceWith(make("p", "none", about.record_transactions === "none" ? "Transactions were not recorded in this run." : "Nothing that was submitted while measuring became final."));
  }

  /* ---- one block: cores at work, number of cores, conflicts ---- */
  const core = (v) => (replay ? "" : `node ${v.node}, `) + plural(v.cores, "core");
  if (data.gantt.length) {
    let block = data.gantt.reduce((a, b) => ((b.aborts || 0) > (a.aborts || 0) ? b : a));
    data.gantt.forEach((b, i) => $("gantt-block").append(new Option(
      `${data.layers.length > 1 ? name(b.layer) + ", " : ""}${replay ? "" : "height "}${b.height}${known(b.aborts) ? `, ${plural(b.aborts, "abort")}` : ""}`, i, false, b === block)));
    const facts = () => {
      const parts = [core(block)];
      if (known(block.txs)) parts.push(plural(block.txs, "transaction"), `${duration(block.makespan / 1e9)} instead of ${duration(block.serial / 1e9)} on one core`,
        `oracle ${duration(block.oracle / 1e9)}`, `longest chain ${duration(block.critical / 1e9)}`, `${plural(block.aborts, "abort")} in ${plural(block.executions, "execution")}`,
        `cores ${percent(block.busy / (block.makespan * block.cores))} busy`, `${percent(block.wasted / (block.gas + block.wasted))} of gas wasted`);
      $("gantt-facts").textContent = parts.join(" · ");
      $("gantt").setAttribute("aria-label", `Cores at work: ${parts.join(", ")}`);
    };
    $("gantt").setAttribute("role", "img");
    const view = charts.gantt("gantt", () => block);

    /* Number of cores, logarithmic. */
    const column = (k) => block.points.filter((_, i) => i % 3 === k);
    const speed = (v) => (known(v) && v > 0 && known(block.serial) ? block.serial / v : null);
    const drawScale = charts.lines("scale", {
      xText: (v, axis) => (axis ? short(Math.round(2 ** v)) : plural(Math.round(2 ** v), "core")), yText: (v, axis) => (axis ? trim(v) : `${trim(v)} times`),
      xRange: () => [-0.08, Math.max(1, ...column(0).map((n) => Math.log2(n))) + 0.08], yRange: () => [0, 1.08 * Math.max(1, ...column(2).map(speed), ...column(1).map(speed))],
      ticker: () => column(0).map((n) => ({ v: Math.log2(n), label: short(n) })), label: "Speed-up by number of cores, and the oracle's.",
      lines: () => {
        const x = column(0).map((n) => Math.log2(n));
        return [{ name: "oracle", x, m: column(2).map(speed), colour: 3, dash: [10, 3], points: true },
          { name: one.executor || "executor", x, m: column(1).map(speed), colour: 0, points: true, width: 2.4 }];
      },
    });

    /* Conflicts: by place in the block, in at most so many stretches. */
    const bins = () => Math.max(1, Math.min(block.txs || 1, $("meet-what").value === "pairs" ? 48 : 120));
    const stretch = (k) => {
      const a = Math.ceil((k * block.txs) / bins()), z = Math.ceil(((k + 1) * block.txs) / bins()) - 1;
      return z > a ? `transactions ${a} to ${z}` : `transaction ${a}`;
    };
    const meetings = () => {
      const pairs = $("meet-what").value === "pairs", n = bins(), at = (tx) => Math.floor((tx * n) / block.txs);
      const rows = pairs ? [...Array(n).keys()].map((i) => ({ id: Math.ceil((i * block.txs) / n), name: stretch(i).replace("transactions ", "").replace("transaction ", "").replace(" to ", "–"), values: new Array(n).fill(0) }))
        : block.keys.map((key, i) => ({ id: i, name: key.name, values: new Array(n).fill(0) }));
      for (let i = 0; i < block.edges.length; i += 3) {
        const [reader, writer, key] = [block.edges[i], block.edges[i + 1], block.edges[i + 2]];
        const r = rows[pairs ? at(reader) : key];
        if (r) r.values[at(pairs ? writer : reader)]++;
      }
      if (pairs) rows.forEach((r, i) => r.values.fill(null, i + 1));
      const most = Math.max(1, ...rows.map((r) => Math.max(...r.values.map((v) => v || 0))));
      return { rows, columns: n, most, quiet: !pairs, ticks: [["0", 0], [`place in the block${pairs ? " of the one that wrote" : ""}`, 0.5], [short((block.txs || 1) - 1), 1]],
        text: (r, k, v) => (pairs ? `${plural(v, "conflict")}\nread by ${r.name}, written by ${stretch(k)}` : `${r.name}\n${plural(v, "conflict")} of ${stretch(k)}`) };
    };
    let met = meetings();
    const heat = charts.heat("meet", () => met);
    const keyTable = () => {
      $("block-keys").replaceChildren(block.keys.length ? keysTable(block.keys) : make("p", "none", "No transaction read what another one wrote."));
      const many = block.edge_count > block.edges.length / 3;
      $("meet-key").textContent = `${plural(block.edge_count, "conflict")} between ${plural(block.txs || 0, "transaction")}` + (many ? `, ${short(block.edges.length / 3)} of them shown` : "");
    };
    const meet = () => {
      met = meetings();
      $("meet").hidden = !block.edges.length;
      heat.draw();
    };
    $("meet-what").addEventListener("change", meet);
    facts();
    keyTable();
    meet();
    $("gantt-block").addEventListener("change", () => { block = data.gantt[+$("gantt-block").value]; facts(); view.show(); drawScale(); keyTable(); meet(); });
    if (data.gantt_of > data.gantt.length) $("gantt-panel").append(make("p", "why", `${data.gantt.length} of the ${data.gantt_of} blocks whose schedule was recorded; the one with the most aborts is among them.`));
  } else {
    $("gantt").replaceWith(make("p", "none", "No block’s schedule was recorded in this run."));
    document.querySelector("#gantt-panel .bar").hidden = true;
    for (const e of document.querySelectorAll(".block-panel")) e.hidden = true;
  }
  function keysTable(keys, blocks) {
    const heads = [["Key", "wide"], ["Conflicts", "num"], blocks ? ["Blocks", "num"] : ["Readers", "num"], ...(blocks ? [] : [["Writers", "num"]]), ["Gas that waits for it", "num"]];
    return table(heads, keys.map((k) => [k.name, short(k.conflicts), ...(blocks ? [short(k.blocks)] : [short(k.readers), short(k.writers)]), short(k.gas)]));
  }
  $("run-keys").append(data.hottest.length ? keysTable(data.hottest, true) : make("p", "none", "No transaction read what another one of its block wrote."));
  if (replay)
    $("replayed").append(table([["Block", "num"], ["Transactions", "num"], ["Gas", "num"], ["One core", "num"], ["These cores", "num"], ["Speed-up", "num"], ["Oracle", "num"], ["Reached", "num"], ["Executed again", "num"], ["Gas wasted", "num"]],
      blocksRun.map((b) => [b.height, short(b.txs), short(b.gas), duration(b.serial / 1e9), duration(b.makespan / 1e9), times(b.serial, b.makespan), times(b.serial, b.oracle), percent(b.oracle / b.makespan), short(b.again), percent(b.wasted / (b.gas + b.wasted))])));

  /* ---- heat map ---- */
  const h = data.series.heat;
  if (h && h.nodes.length) {
    const last = t1[t1.length - 1] || end;
    const source = () => {
      const values = h[$("heat-what").value];
      const most = Math.max(0.1, ...values.map((r) => Math.max(...r.map((v) => v || 0))));
      return { rows: h.nodes.map((id, i) => ({ id, name: data.nodes[id] ? `${data.nodes[id].name || "node " + id}` : `node ${id}`, values: values[i] })),
        columns: values[0].length, most, ticks: [[duration(0), 0], [duration(last / 2), 0.5], [duration(last), 1]],
        text: (r, k, v) => `${r.name}\n${trim(v)} % at ${duration(((k + 0.5) / values[0].length) * last)}` };
    };
    const view = charts.heat("heat", source);
    const key = () => {
      $("heat-key").replaceChildren("0 %");
      const ramp = make("span", "ramp");
      ramp.style.background = "linear-gradient(90deg, rgb(var(--heat-low)), rgb(var(--heat-high)))";
      $("heat-key").append(ramp, `${trim(source().most)} %` + (h.of > h.nodes.length ? ` · ${h.nodes.length} of ${h.of} nodes, evenly chosen` : ""));
    };
    $("heat-what").addEventListener("change", () => { key(); view.draw(); });
    key();
  } else {
    $("heat").replaceWith(make("p", "none", "Nothing was sampled in this run."));
  }

  /* ---- tables ---- */
  function table(heads, rows) {
    const scroll = make("div", "scroll"), tab = make("table"), head = make("tr");
    scroll.tabIndex = 0;
    for (const [text, kind] of heads) head.append(make("th", kind, text));
    const top = make("thead");
    top.append(head);
    const body = make("tbody");
    for (const row of rows) {
      const tr = make("tr");
      row.forEach((v, i) => tr.append(make("td", heads[i][1], known(v) ? String(v) : "–")));
      body.append(tr);
    }
    tab.append(top, body);
    scroll.append(tab);
    return scroll;
  }
  const node = (id) => (id < 0 ? "" : data.nodes[id] && data.nodes[id].name ? data.nodes[id].name : `node ${id}`);
  /* What happened to several nodes alike is one row. */
  const together = (events) => {
    const rows = new Map();
    for (const e of events) {
      const key = JSON.stringify([e.kind, e.layer, e.detail]);
      if (!rows.has(key)) rows.set(key, { ...e, nodes: [] });
      if (e.node >= 0 && !rows.get(key).nodes.includes(e.node)) rows.get(key).nodes.push(e.node);
    }
    return [...rows.values()];
  };
  const nodesOf = (list) => (list.length > 3 ? `${list.length} nodes` : list.map(node).join(", "));
  const happened = [
    ...data.faults.map((f) => [f.t, f.kind, node(f.node), f.detail + (known(f.end) ? ` (until ${duration(f.end)})` : " (until the end)")]),
    ...data.stale.map((b) => [b.t, "stale block", node(b.node), `height ${b.height} of ${name(b.layer)} lost to another block`]),
    ...together(data.events).map((e) => [e.t, e.kind, nodesOf(e.nodes), e.detail]),
  ].sort((a, b) => a[0] - b[0]);
  if (happened.length) {
    $("marks").append(table([["When", "num"], ["What", ""], ["Where", ""], ["", "wide"]], happened.map((r) => [duration(+r[0].toPrecision(4)), ...r.slice(1)])));
    if (data.event_count > data.events.length) $("marks").append(make("p", "why", `The first ${data.events.length} of ${data.event_count} events; the file has them all.`));
  } else {
    $("marks").append(make("p", "none", "Nothing went wrong."));
  }
  $("tables").append(make("h3", "", data.layers.length === 1 ? "Layer" : "Layers"),
    table([["Layer", ""], ["Nodes", "num"], ["Consensus", ""], ["Kind", ""], ["Executor", ""], ["Order", ""], ["Fees", ""], ["Interval", "num"], ["Blocks", "num"], ["Stale", "num"], ["Offered", "num"], ["Final", "num"], ["Waiting", "num"]],
      data.layers.map((l) => [l.name, l.nodes, l.consensus, l.kind, l.executor, l.coupling, l.fees, duration(l.block_interval), short(l.blocks), short(l.stale), short(l.offered), short(l.committed), short(l.pending)])),
    make("h3", "", "Nodes"),
    table([["Node", ""], ["Region", ""], ["Layer", ""], ["Cores", "num"], ["Cores in use", "num"], ["Blocks proposed", "num"], ["of them final", "num"], ["Sent", "num"], ["Received", "num"], ["Down", "num"]],
      data.nodes.map((n, i) => [n.name || `node ${i}`, n.region, name(n.layer), n.cores, percent(n.busy), short(n.proposed), short(n.accepted), `${short(n.sent)}B`, `${short(n.received)}B`, n.down ? duration(n.down) : "–"])));
  if (data.node_count > data.nodes.length) $("tables").append(make("p", "why", `The first ${data.nodes.length} of ${data.node_count} nodes.`));

  /* ---- about ---- */
  const facts = [["Scenario", about.scenario_name], ["Seed", about.seed], ["Simulated time", duration(about.end_time)], ["Measured", replay ? "" : duration(s.measured)],
    ["Cost profile", about.cost_profile], ["Transactions recorded", replay ? "" : about.record_transactions], ["Program", `weft ${about.program_version}`],
    ["Host", about.host], ["Started", about.start], ["Ended", about.end], ["Digest of the results", about.digest]];
  for (const [k, v] of facts) if (known(v) && v !== "") $("about").append(make("dt", "", k), make("dd", "", v));
  $("scenario").textContent = about.scenario;
  $("resolved").textContent = about.scenario_resolved;
})();
