"use strict";

// A page that asks for news by itself says so when nobody answers, as while the
// appliance restarts. The next answer hides that again: it is a part of it.
for (const event of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(event, () => {
    for (const p of document.querySelectorAll("[data-lost]")) p.hidden = false;
  });
}
