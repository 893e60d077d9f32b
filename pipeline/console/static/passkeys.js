// Passkeys: asks the browser to sign with one, or to make one, puts what it answers into the form and sends it.
// What is asked for stands in data-* attributes. Everything is checked by the server, nothing here.
"use strict";

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const ways = {
  // No list of keys: the passkey itself knows for whom it is, and we keep nothing about it.
  async sign(asked) {
    const { response } = await navigator.credentials.get({
      publicKey: { challenge: bytes(asked.challenge), rpId: asked.host, userVerification: "required" },
    });
    return {
      client_data: response.clientDataJSON,
      authenticator_data: response.authenticatorData,
      passkey_signature: response.signature,
    };
  },
  async make(asked) {
    const { response } = await navigator.credentials.create({
      publicKey: {
        challenge: bytes(asked.challenge),
        rp: { id: asked.host, name: "Birthshare" },
        // Another one each time: the same would put a new passkey in the place of the one before.
        user: { id: crypto.getRandomValues(new Uint8Array(16)), name: asked.name, displayName: asked.name },
        pubKeyCredParams: [{ type: "public-key", alg: -7 }],
        authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
        attestation: "none",
      },
    });
    return { client_data: response.clientDataJSON, attestation: response.attestationObject };
  },
};

const words = {
  NotAllowedError: "Nothing was sent: the passkey was not used. Try again, or use another way.",
  SecurityError: "Nothing was sent: passkeys are for another address than this one.",
  NotSupportedError: "Nothing was sent: this device cannot make the kind of passkey that is needed.",
};

for (const part of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  const form = part.closest("form");
  const said = part.querySelector("[role=status]");
  let busy = false;
  part.hidden = false;
  for (const other of form.querySelectorAll("details.by-hand:not(.wrong)")) other.open = false;
  part.querySelector("button").addEventListener("click", async () => {
    if (busy || !form.reportValidity()) return;
    busy = true;
    said.textContent = "Your browser asks for your passkey.";
    try {
      const answer = await ways[part.dataset.passkey](part.dataset);
      for (const [name, value] of Object.entries(answer)) form.elements[name].value = text(value);
      form.requestSubmit();
    } catch (error) {
      said.textContent = words[error.name] || "Nothing was sent: the browser could not use a passkey.";
    }
    busy = false;
  });
}
