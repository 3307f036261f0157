// The session lives, but jellyfin-web does not know: tell it, and go on.
(function () {
  'use strict';

  var J = window.Jellyward;
  var panel = document.getElementById('handoff');
  try {
    J.credentials.save(panel.dataset.server, panel.dataset.user, panel.dataset.token);
    J.next();
  } catch (e) {
    J.say(panel, 'Your browser did not let this page store the sign-in. Allow site data for this address and try again.', true);
  }
})();
