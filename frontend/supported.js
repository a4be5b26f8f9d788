// Runs before anything is painted, so that components that need scripts do not flash in their other form. It is a file of
// its own because the Content-Security-Policy allows no inline script, and no module because a module would run too late.
document.body.classList.add("js-enabled");
if ("noModule" in HTMLScriptElement.prototype) {
  document.body.classList.add("govuk-frontend-supported");
}
