// Opens the part of the page that a finding's code, or the page's address, leads to.
(() => {
  const unfold = (hash) => {
    const target = hash && document.getElementById(hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  for (const link of document.querySelectorAll("a.code")) {
    link.addEventListener("click", () => unfold(link.hash));
  }
  unfold(location.hash);
})();
