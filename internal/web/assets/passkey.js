"use strict";

// Passkeys are the one thing that only a script can ask a browser for. The
// forms that need it are hidden until this runs, in a browser that has them.
// What is asked and what came of it are the server's business: see passkey.go.
(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list || []).map((k) => ({ ...k, id: bytes(k.id) }));

  const create = async (options) => {
    const user = { ...options.user, id: bytes(options.user.id) };
    const made = await navigator.credentials.create({
      publicKey: { ...options, challenge: bytes(options.challenge), user, excludeCredentials: known(options.excludeCredentials) },
    });
    const r = made.response;
    return {
      id: made.id, type: made.type,
      response: { clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.getAuthenticatorData()), publicKey: text(r.getPublicKey()) },
    };
  };

  const get = async (options) => {
    const found = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge) } });
    const r = found.response;
    return {
      id: found.id, type: found.type,
      response: { clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData), signature: text(r.signature) },
    };
  };

  const ask = async (form) => {
    if (form.dataset.options) return create(JSON.parse(form.dataset.options));
    const answer = await fetch(form.dataset.ask, { method: "POST" });
    if (!answer.ok) throw new Error("refused");
    return get(await answer.json());
  };

  const say = (form, why) => {
    for (const p of form.querySelectorAll("[data-why]")) p.hidden = p.dataset.why !== why;
  };

  const run = async (form) => {
    const button = form.querySelector("button");
    button.disabled = true;
    say(form, "");
    try {
      form.elements.credential.value = JSON.stringify(await ask(form));
      form.submit();
    } catch (e) {
      say(form, e.name === "InvalidStateError" ? "known" : "failed");
      button.disabled = false;
    }
  };

  for (const part of document.querySelectorAll("[data-scripts]")) part.hidden = part.dataset.scripts !== "yes";
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      run(form);
    });
    if (form.dataset.options) run(form);
  }
})();
