// What the pages do beyond plain HTML. Everything works without it.
"use strict";
(function () {
  // The server writes times in the reader's zone; only the browser knows it.
  function cookie(name) {
    var m = document.cookie.match("(?:^|; )" + name + "=([^;]*)");
    return m ? decodeURIComponent(m[1]) : "";
  }
  var zone = "";
  try { zone = Intl.DateTimeFormat().resolvedOptions().timeZone || ""; } catch (e) { /* an old browser: the server's zone */ }
  if (zone && cookie("atoll_zone") !== zone) {
    document.cookie = "atoll_zone=" + encodeURIComponent(zone) + "; path=/; max-age=31536000; samesite=strict" + (location.protocol === "https:" ? "; secure" : "");
    var times = document.querySelector("time");
    if (times && cookie("atoll_zone") === zone) { location.reload(); return; }
  }

  // On a narrow screen the menu is a strip that is moved: one sees where one is.
  var here = document.querySelector(".menu [aria-current]");
  if (here && here.scrollIntoView && here.closest("ul").scrollWidth > document.documentElement.clientWidth) { here.scrollIntoView({block: "nearest", inline: "center"}); }

  // Lists narrow as one chooses; with the button as well, for who has no script.
  document.addEventListener("change", function (e) {
    var form = e.target.closest && e.target.closest("form[data-auto]");
    if (form && e.target.matches("select")) { form.requestSubmit ? form.requestSubmit() : form.submit(); }
  });

  // The shortcut of the synchronisation: Ctrl+Alt+S; Escape closes what was opened.
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey && e.altKey && (e.key === "s" || e.key === "S") && document.querySelector(".syncnow")) { location.href = "/sync"; }
    if (e.key === "Escape") {
      var open = e.target.closest && e.target.closest("details[open].confirm");
      if (open) { open.open = false; open.querySelector("summary").focus(); }
    }
  });
})();
