// Draws the charts of the page in the colours that page.css gives their roles, and draws them
// anew when the theme changes. Sets data-ready on the root element once all are drawn.
(() => {
  const root = document.documentElement;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const style = getComputedStyle(root);
  const colour = (role) => style.getPropertyValue(`--${role}`).trim();

  const stopsOf = { heat: 4, poles: 5 };  // scales of colours, and how many each is made of

  const axes = [...new Set(charts.flatMap(({ traces }) => Object.keys(traces[0].xs ?? {})))];
  let axis = "round";
  const other = (chart) => chart.traces.every(({ xs }) => xs?.[axis]);

  function paint({ role, roles, ramp, xs, ...trace }) {
    if (role in stopsOf) {
      const last = stopsOf[role] - 1;
      const stops = [...Array(last + 1).keys()].map((i) => [i / last, colour(`${role}-${i}`)]);
      return { ...trace, colorscale: stops, ygap: trace.y.length > 30 ? 0 : 1 };
    }
    const main = colour(role);
    const painted = {
      ...trace,
      marker: { size: 5, ...trace.marker, color: roles ? roles.map(colour) : main },
    };
    if (trace.type === "scatter") painted.line = { width: trace.fill ? 0 : 2, ...trace.line, color: main };
    if (trace.fill) painted.fillcolor = main;
    return painted;
  }

  function arrange({ xaxis, yaxis, yaxis2, ...layout }) {
    const shared = {
      gridcolor: colour("rule"), linecolor: colour("rule"), zeroline: false,
      fixedrange: touch, automargin: true, ticks: "",
    };
    const family = getComputedStyle(document.body).fontFamily;
    const title = { text: xaxis.title, standoff: 8, font: { size: 12 } };
    const arranged = {
      hovermode: "x unified",
      dragmode: touch ? false : "zoom",
      showlegend: false,
      margin: { l: 36, r: 16, t: 18, b: 36 },
      paper_bgcolor: colour("surface"),
      plot_bgcolor: colour("surface"),
      font: { family, size: 12, color: colour("quiet") },
      hoverlabel: {
        bgcolor: colour("surface"), bordercolor: colour("rule"), namelength: -1,
        font: { family, size: 12, color: colour("ink") },
      },
      ...layout,
      xaxis: {
        ...shared, showgrid: false, showline: true, autotickangles: [0, -90], ...xaxis, title,
        unifiedhovertitle: { text: `${xaxis.title} %{x}` },
      },
      yaxis: { ...shared, nticks: 6, ...yaxis },
    };
    if (yaxis2) arranged.yaxis2 = { ...shared, ...yaxis2 };
    return arranged;
  }

  // The chart over the chosen axis, where all of its traces have it; else over its own.
  function moved(chart) {
    const title = document.getElementById(`${chart.id}-title`);
    chart.title ??= title.textContent;
    title.textContent = other(chart) ? chart.title.replace(/by round$/, `by ${axis}`) : chart.title;
    if (!other(chart)) return chart;
    const traces = chart.traces.map((trace) => ({ ...trace, x: trace.xs[axis] }));
    const range = [0, Math.max(...traces.flatMap(({ x }) => x))];
    return { traces, layout: { ...chart.layout, xaxis: { title: axis, range } } };
  }

  function draw(chart) {
    const { traces, layout } = moved(chart);
    return Plotly.react(chart.id, traces.map(paint), arrange(layout), {
      responsive: true,
      displaylogo: false,
      typesetMath: false,
      displayModeBar: touch ? false : "hover",
      modeBarButtons: [["toImage"]],
      toImageButtonOptions: { format: "svg", filename: chart.id },
    });
  }

  function swatch(trace) {
    const mark = document.createElement("i");
    const line = trace.type === "scatter" && !trace.fill;
    const shape = trace.mode === "markers" ? "ring" : line ? "line" : "";
    mark.className = `swatch ${shape} ${trace.line?.dash ?? ""}`;
    mark.style.setProperty("--c", `var(--${trace.role})`);
    return mark;
  }

  function legend(chart) {
    const place = document.getElementById(chart.id).previousElementSibling;
    const named = chart.traces.filter((trace) => trace.name);
    if (chart.traces[0].role in stopsOf) {
      const ramp = document.createElement("span");
      ramp.className = `ramp ${chart.traces[0].role}`;
      const [least, most] = chart.traces[0].ramp;
      ramp.append(least, document.createElement("i"), most);
      place.append(ramp);
    } else if (named.length > 1) {
      for (const trace of named) {
        const button = document.createElement("button");
        button.type = "button";
        button.setAttribute("aria-pressed", "true");
        button.append(swatch(trace), trace.name);
        button.addEventListener("click", () => {
          trace.visible = trace.visible === false;
          button.setAttribute("aria-pressed", String(trace.visible));
          draw(chart);
        });
        place.append(button);
      }
    } else {
      place.remove();
    }
  }

  function offerAxes() {
    const place = document.querySelector(".axes");
    for (const name of axes.length ? ["round", ...axes] : []) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(name === axis));
      button.append(`by ${name}`);
      button.addEventListener("click", () => {
        axis = name;
        for (const each of place.children) each.setAttribute("aria-pressed", String(each === button));
        drawAll();
      });
      place.append(button);
    }
  }

  const drawAll = () => Promise.all(charts.map(draw));
  charts.forEach(legend);
  if (charts.length) offerAxes();
  drawAll().then(() => { root.dataset.ready = "true"; });
  dark.addEventListener("change", drawAll);

  function forPaper(on) {
    root.classList.toggle("print", on);
    drawAll();
    charts.forEach((chart) => Plotly.Plots.resize(chart.id));
  }
  addEventListener("beforeprint", () => forPaper(true));
  addEventListener("afterprint", () => forPaper(false));
})();
