// What every page needs: the components' behaviour, and what live parts (htmx) send and say.
import { initAll as initGovuk } from "./govuk-frontend.min.js";
import { initAll as initMoj } from "./moj-frontend.min.js";

initGovuk();
initMoj();

const csrfToken = document.querySelector("meta[name=csrf-token]")?.content;
const status = document.getElementById("page-status");

function say(text) {
  status.textContent = text;
  status.hidden = !text;
}

document.body.addEventListener("htmx:configRequest", ({ detail }) => {
  if (csrfToken && detail.verb !== "get") {
    detail.headers["X-CSRFToken"] = csrfToken;
  }
  if (detail.verb === "get") {
    // An address with only the filters in use can be read and sent to a colleague.
    for (const [name, value] of [...detail.formData.entries()]) {
      if (value === "") detail.formData.delete(name);
    }
  }
});

document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  // Somebody whose session ended is sent to the sign-in page, which must not appear inside a list.
  if (detail.xhr.status === 401) window.location.reload();
});
document.body.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status !== 401) say("That did not work. What you see may be out of date; try again.");
});
document.body.addEventListener("htmx:sendError", () => say("The service cannot be reached. What you see may be out of date."));
document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  say("");
  initGovuk({ scope: detail.target });
  initMoj({ scope: detail.target });
});
