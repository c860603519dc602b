// The console works without this. With it, pages follow what happens, times
// stay right, and secrets can be shown and copied.
"use strict";

const seconds = { second: 1, minute: 60, hour: 3600, day: 86400 };

// ago says how far a time is from now, as the server does.
function ago(then) {
  const s = Math.round((Date.now() - then) / 1000), d = Math.abs(s);
  if (s >= 0 && s < 10) return "now";
  const unit = d < 60 ? "second" : d < 3600 ? "minute" : d < 172800 ? "hour" : "day";
  const n = Math.floor(d / seconds[unit]), text = `${n} ${unit}${n === 1 ? "" : "s"}`;
  return s < 0 ? `in ${text}` : `${text} ago`;
}

// left is the time to an end, to the second.
function left(then) {
  const s = Math.max(0, Math.round((then - Date.now()) / 1000));
  if (s === 0) return "now: it has expired";
  const m = Math.floor(s / 60);
  return m > 0 ? `in ${m}:${String(s % 60).padStart(2, "0")} minutes` : `in ${s} seconds`;
}

function tick() {
  for (const t of document.querySelectorAll("time[data-ago]")) write(t, ago(Date.parse(t.dateTime)));
  for (const t of document.querySelectorAll("time[data-until]")) write(t, left(Date.parse(t.dateTime)));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// textOf is what an element shows or holds.
function textOf(id) {
  const e = document.getElementById(id);
  return e ? ("value" in e ? e.value : e.textContent) : "";
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-show], [data-copy]");
  if (!button) return;
  if (button.dataset.show) {
    const field = document.getElementById(button.dataset.show);
    const masked = field.type === "password";
    field.type = masked ? "text" : "password";
    button.textContent = masked ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(masked));
    return;
  }
  const was = button.textContent;
  try {
    await navigator.clipboard.writeText(textOf(button.dataset.copy));
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied: select it yourself";
  }
  setTimeout(() => { button.textContent = was; }, 1500);
});

// busy is somebody at work in an element: what they see must not go away under
// their hands.
function busy(element) {
  const active = document.activeElement;
  return element.contains(active) && active !== document.body && active.matches("input, select, textarea, summary, button, a");
}

// refresh takes the living parts of this page from the server anew.
async function refresh() {
  let text;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return;
  }
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const now of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(now.id);
    if (!next || busy(now) || next.outerHTML === now.dataset.from) continue;
    const from = next.outerHTML;
    for (const [i, d] of now.querySelectorAll("details").entries()) {
      const other = next.querySelectorAll("details")[i];
      if (other) other.open = d.open;
    }
    now.replaceWith(next);
    next.dataset.from = from;
  }
  tick();
}

// follow refreshes when the server tells of something: at most once a second,
// and not while nobody looks.
function follow() {
  if (!document.querySelector("[data-live]")) return;
  const state = document.getElementById("live");
  let waiting = false, missed = false;
  const look = () => {
    if (document.hidden) { missed = true; return; }
    if (waiting) return;
    waiting = true;
    setTimeout(async () => { waiting = false; await refresh(); }, 1000);
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) { missed = false; look(); }
  });
  const events = new EventSource("/api/v1/events");
  const show = (on) => { state.dataset.liveState = on ? "on" : "off"; };
  // What happened between the page and the stream is told by nobody.
  events.onopen = () => { show(true); look(); };
  events.onerror = () => show(false);
  for (const kind of ["bindings", "event", "run", "revision", "message"]) events.addEventListener(kind, look);
  addEventListener("pagehide", () => events.close());
}

// A form that was sent is not sent again by a second click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const f of document.querySelectorAll("form[data-sent]")) delete f.dataset.sent;
});

tick();
setInterval(tick, 1000);
follow();
