// Signing out also takes the token out of jellyfin-web's record; the form then
// goes to the server by itself.
(function () {
  'use strict';

  var account = document.getElementById('account');
  document.getElementById('signout-form').addEventListener('submit', function () {
    try {
      window.Jellyward.credentials.forget(account.dataset.server, account.dataset.user);
    } catch (e) { /* without storage there is nothing to take out */ }
  });
})();
