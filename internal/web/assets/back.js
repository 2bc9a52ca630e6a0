"use strict";

// After a restart the page goes where its link leads by itself: as soon as
// somebody answers again, after nobody did. Until then whoever answers is the
// machine that is about to go down.
(() => {
  const link = document.querySelector("[data-back]");
  if (!link) return;
  const often = 2000, patience = 5000;
  let gone = false;
  const ask = async () => {
    try {
      await fetch(link.href + "?again=", { signal: AbortSignal.timeout(patience) });
      if (gone) return location.replace(link.href);
    } catch {
      gone = true;
    }
    setTimeout(ask, often);
  };
  setTimeout(ask, often);
})();
