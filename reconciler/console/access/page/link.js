// A one-time link has its token behind the #, which no server sees. It is taken
// out of the address, so that it stays in no history, and sent.
function open() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  document.querySelector("input[name=token]").value = token;
  document.querySelector("form").submit();
}
addEventListener("hashchange", open);
open();
