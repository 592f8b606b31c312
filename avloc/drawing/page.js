"use strict";
// Sorts, filters and steps through the clips of the page. It reads what stands in the page and loads nothing.
(() => {
  const find = (identity) => document.getElementById(identity);
  const tools = find("tools");
  if (!tools) return;
  const clips = [...document.querySelectorAll("article.clip")];
  const groups = [...document.querySelectorAll("section.set")];
  const [order, ofSet, ofClass, ofFlag, ofId] = ["order", "of-set", "of-class", "of-flag", "of-id"].map(find);
  const opacity = find("opacity");
  const about = new Map(clips.map((clip, place) => [clip, {
    place,
    set: clip.dataset.set,
    id: clip.dataset.id.toLowerCase(),
    classes: clip.dataset.classes.split(" "),
    flags: clip.dataset.flags.split(" "),
    scores: clip.dataset.scores.split(" ").map((score) => (score === "-" ? null : Number(score))),
  }]));
  let current = null;

  // what a clip is sorted by, the smallest first; null, for what was not scored, comes last
  function key(facts) {
    const [kind, run] = order.value.split(" ");
    if (kind === "chosen") return facts.place;
    if (kind === "apart") {
      if (facts.scores.includes(null)) return null;
      return Math.min(...facts.scores) - Math.max(...facts.scores);
    }
    const score = facts.scores[Number(run)];
    return score === null || kind === "low" ? score : -score;
  }

  function sort() {
    const keys = new Map(clips.map((clip) => [clip, key(about.get(clip))]));
    const compare = (a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      if (x === null || y === null) return (x === null) - (y === null) || about.get(a).place - about.get(b).place;
      return x - y || about.get(a).place - about.get(b).place;
    };
    for (const group of groups) {
      const grid = group.querySelector(".grid");
      grid.append(...[...grid.children].sort(compare));
    }
  }

  function filter() {
    const wanted = ofId.value.trim().toLowerCase();
    let shown = 0;
    for (const clip of clips) {
      const facts = about.get(clip);
      const kept = (!ofSet.value || facts.set === ofSet.value)
        && (!ofClass.value || facts.classes.includes(ofClass.value))
        && (!ofFlag.value || facts.flags.includes(ofFlag.value))
        && facts.id.includes(wanted);
      clip.hidden = !kept;
      shown += kept;
    }
    for (const group of groups) group.hidden = !group.querySelector(".clip:not([hidden])");
    find("shown").textContent = `${shown} of ${clips.length} clips`;
  }

  function reset() {
    for (const field of [ofSet, ofClass, ofFlag, ofId]) field.value = "";
    filter();
  }

  function fade() {
    document.documentElement.style.setProperty("--heat", opacity.value / 100);
  }

  function go(clip, whole) {
    if (current) current.classList.remove("current");
    current = clip;
    clip.classList.add("current");
    clip.focus({ preventScroll: true });
    clip.scrollIntoView({ block: whole ? "start" : "nearest" });
  }

  // the clip that the address names, even if a filter hides it
  function follow() {
    let name;
    try {
      name = decodeURIComponent(location.hash.slice(1));
    } catch {
      return;
    }
    const clip = find(name);
    if (!about.has(clip)) return;
    if (clip.hidden) reset();
    go(clip, true);
  }

  function step(by) {
    const shown = [...document.querySelectorAll("article.clip")].filter((clip) => !clip.hidden);
    if (!shown.length) return;
    const place = shown.indexOf(current);
    const next = place < 0 ? (by > 0 ? 0 : shown.length - 1) : Math.min(Math.max(place + by, 0), shown.length - 1);
    go(shown[next], false);
  }

  let before = opacity.value;
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    o: () => { if (current) { const more = current.querySelector("details"); more.open = !more.open; go(current, more.open); } },
    s: () => {
      const sound = current && current.querySelector("audio");
      if (sound) { if (sound.paused) sound.play(); else sound.pause(); }
    },
    h: () => {
      if (Number(opacity.value)) { before = opacity.value; opacity.value = 0; } else opacity.value = before;
      fade();
    },
    "[": () => { opacity.value = Number(opacity.value) - 10; fade(); },
    "]": () => { opacity.value = Number(opacity.value) + 10; fade(); },
    "/": () => ofId.focus(),
    r: reset,
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest("input, select, textarea");
    if (event.key === "Escape" && field) return void field.blur();
    if (field || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
  document.addEventListener("play", (event) => {
    for (const sound of document.querySelectorAll("audio")) if (sound !== event.target) sound.pause();
  }, true);
  document.addEventListener("click", (event) => {
    const clip = event.target.closest("article.clip");
    if (clip && clip !== current) {
      if (current) current.classList.remove("current");
      current = clip;
      clip.classList.add("current");
    }
  });
  window.addEventListener("hashchange", follow);
  order.addEventListener("change", sort);
  for (const field of [ofSet, ofClass, ofFlag]) field.addEventListener("change", filter);
  ofId.addEventListener("input", filter);
  opacity.addEventListener("input", fade);

  tools.hidden = false;
  sort();  // a reloaded page keeps what was chosen in its fields
  filter();
  fade();
  follow();
})();
