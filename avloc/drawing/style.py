"""The page's style sheet: system fonts, light and dark, from 360 px width, and print."""

CSS = """
:root { color-scheme: light dark; --ground: #f7f8fa; --card: #ffffff; --text: #1d2430; --faint: #5b6675;
  --line: #dfe3e9; --accent: #00628f; --up: #0b6b3a; --down: #a82222; --sounding: #2ecc52; --silent: #f03e3e;
  --other: #9aa2b0; --heat: .75; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ground: #10131a; --card: #191d24; --text: #e6e9ef; --faint: #a3acba; --line: #313844;
    --accent: #74bdf0; --up: #5fd596; --down: #ff8f8f; --other: #c4c8d0; } }
* { box-sizing: border-box; }
html { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--text); }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; overflow-wrap: anywhere; }
h4 { font-size: .95rem; margin: 0; }
p, li { max-width: 46rem; }
p { margin: .5rem 0; }
a { color: var(--accent); }
small, .faint { color: var(--faint); }
code, pre { font: .85em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem;
  overflow-x: auto; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: 1rem 0 0; padding: 0; }
.grid { display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(calc(var(--columns) * 10.5rem), 100%), 1fr)); }
.clip { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .8rem; min-width: 0;
  content-visibility: auto; contain-intrinsic-size: auto 21rem; scroll-margin-top: 6rem; }
.clip:has(details[open]) { grid-column: 1 / -1; }
.clip:has(details[open]) > .cells, .clip:has(details[open]) > audio { max-width: 40rem; }
.clip.current { outline: 3px solid var(--accent); outline-offset: 1px; }
.clip[hidden], .set[hidden], #tools[hidden] { display: none; }
.clip header { display: flex; flex-wrap: wrap; gap: .1rem .8rem; align-items: baseline; margin-bottom: .6rem;
  font-size: .9rem; }
.clip header a { flex-basis: 100%; text-decoration: none; line-height: 1.3; }
.clip header code { color: var(--faint); font-size: .75rem; overflow-wrap: anywhere; }
.clip header a:hover code, .clip header a:focus code { text-decoration: underline; }
.clip > .cells { grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); }
.clip > audio { width: 100%; height: 2.2rem; margin-top: .7rem; }
.clip summary { font-size: .85rem; color: var(--faint); padding-bottom: 0; }
.flags { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem; margin: .6rem 0 0; padding: 0; }
.flags li { font-size: .72rem; line-height: 1.3; color: var(--faint); border: 1px solid var(--line); border-radius: 1rem;
  padding: .1rem .5rem; }
.stack { position: relative; aspect-ratio: 1; overflow: hidden; border-radius: 4px; }
.stack::before { content: ""; position: absolute; inset: 0; background: var(--frame) center / 100% 100% no-repeat; }
.stack.over::before { filter: grayscale(calc(var(--heat) * 1.4)); }
.stack .heat, .stack svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.stack .heat { opacity: var(--heat); border-radius: 0; max-width: none; }
.stack rect { fill: none; stroke-width: 4; }
.stack.over rect { stroke-width: 3; }
.stack rect.casing, .stack.over rect.casing { stroke: #0c0e12; stroke-width: 6; }
.stack rect.sounding { stroke: var(--sounding); }
.stack rect.silent { stroke: var(--silent); stroke-dasharray: 9 8; }
.stack rect.casing:has(+ .other) { stroke-width: 4 !important; }
.stack rect.other { stroke: #c4c8d0; stroke-width: 2; stroke-dasharray: 3 4; }
.stack text { font: 13px system-ui, sans-serif; paint-order: stroke; stroke: #0c0e12; stroke-width: 4px; }
#tools { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center;
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .6rem .9rem; margin: 0 0 1rem;
  font-size: .85rem; box-shadow: 0 2px 10px rgb(0 0 0 / .08); }
#tools label { display: flex; gap: .4rem; align-items: center; color: var(--faint); }
#tools select, #tools input { font: inherit; max-width: 12rem; color: var(--text); background: var(--ground);
  border: 1px solid var(--line); border-radius: 6px; padding: .15rem .35rem; }
#tools input[type="range"] { width: 7rem; padding: 0; accent-color: var(--accent); }
#tools output { font-variant-numeric: tabular-nums; }
#tools details[open] { flex-basis: 100%; max-height: 50vh; overflow: auto; }
.keys { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .8rem; margin: .4rem 0 .8rem; }
.keys dd { margin: 0; color: var(--faint); }
kbd { font: .85em ui-monospace, Menlo, Consolas, monospace; border: 1px solid var(--line); border-radius: 4px;
  padding: 0 .35rem; }
.bar { display: block; min-width: 4.5rem; padding: 0 .3rem; background: linear-gradient(90deg,
  color-mix(in srgb, var(--accent) 22%, transparent) var(--value), transparent var(--value)); }
.cells { display: grid; gap: .9rem .7rem; grid-template-columns: repeat(auto-fill, minmax(min(11rem, 44%), 1fr)); }
.cells + .cells { margin-top: .9rem; padding-top: .9rem; border-top: 1px solid var(--line); }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto; border-radius: 4px; }
figcaption { font-size: .78rem; line-height: 1.35; color: var(--faint); margin-top: .3rem; overflow-wrap: anywhere; }
figcaption b { color: var(--text); display: block; }
.cell img { width: 100%; }
.listen { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 4px; max-width: 672px; }
.listen audio { width: 100%; height: 2rem; }
.sound img { width: 100%; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; margin: .75rem 0; }
.chart { flex: 0 1 auto; max-width: 100%; border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.chart img { border-radius: 0; }
.strip { margin: 0 0 .9rem; }
.strips { display: grid; gap: 0 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); }
.scroll { position: relative; overflow-x: auto; margin: .75rem 0; border: 1px solid var(--line); border-radius: 10px;
  background: var(--card); }
.scroll:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .6rem .8rem; font-size: .85rem; color: var(--faint); }
th, td { text-align: left; vertical-align: top; padding: .45rem .8rem; border-top: 1px solid var(--line); }
thead th { color: var(--faint); font-weight: 600; font-size: .82rem; }
tbody th { font-weight: 500; position: sticky; left: 0; background: var(--card); min-width: 7.5rem; }
.results td b, .results td small { white-space: nowrap; }
.results tbody tr:first-child { background: color-mix(in srgb, var(--accent) 8%, var(--card)); }
.results tbody tr:first-child th { background: inherit; }
.plain td, .plain th { overflow-wrap: anywhere; }
.value, .apart { display: block; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.apart { font-size: .8rem; color: var(--faint); }
.apart small { font-size: inherit; color: inherit; }
.apart.up { color: var(--up); }
.apart.down { color: var(--down); }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; padding: 0; margin: .5rem 0 .7rem;
  font-size: .85rem; }
.key i { display: inline-block; width: 1.5rem; height: .85rem; vertical-align: -.05rem; margin-right: .4rem;
  border-radius: 2px; }
.key i.sounding { border: 3px solid var(--sounding); }
.key i.silent { border: 3px dashed var(--silent); }
.key i.other { border: 2px dotted var(--other); }
.key i.heat { background: linear-gradient(90deg, #000004, #57106e, #bc3754, #f98e09, #fcffa4); width: 4rem; }
.notes { border-left: 4px solid var(--accent); background: var(--card); border-radius: 0 8px 8px 0;
  padding: .5rem 1rem; }
.notes ul { margin: .3rem 0; padding-left: 1.1rem; overflow-wrap: anywhere; }
summary { cursor: pointer; padding: .4rem 0; }
@media (max-width: 48rem), (max-height: 30rem) { #tools { position: static; } .clip { scroll-margin-top: 1rem; } }
@media (max-width: 30rem) { body { padding: 1.25rem .75rem 3rem; } h1 { font-size: 1.4rem; } .clip { padding: .65rem; }
  th, td { padding: .4rem .55rem; } }
@media print { :root { --ground: #fff; } body { max-width: none; padding: 0; font-size: 11pt; }
  nav, audio, #tools { display: none !important; } table { font-size: .78rem; }
  .apart { font-size: .7rem; } th, td { padding: .3rem; }
  body { --heat: .75; } .clip { content-visibility: visible; }
  .clip, .chart, tr, .strip { break-inside: avoid; } h2, h3 { break-after: avoid; } .scroll { overflow: visible; }
  .results td { white-space: normal; } tbody th { position: static; } .cells { grid-template-columns: repeat(6, 1fr); }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
