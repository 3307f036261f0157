// Devices, app passwords, and signing out. Signing out also takes the token out
// of jellyfin-web's record; the form then goes to the server by itself.
(function () {
  'use strict';

  var J = window.Jellyward;
  var account = document.getElementById('account');

  document.getElementById('signout-form').addEventListener('submit', function () {
    try {
      J.credentials.forget(account.dataset.server, account.dataset.user);
    } catch (e) { /* without storage there is nothing to take out */ }
  });

  // press makes each button that has the attribute post something once, and
  // then shows the page anew.
  function press(attribute, path, data) {
    Array.prototype.forEach.call(account.querySelectorAll('[' + attribute + ']'), function (button) {
      button.disabled = false; // without scripts it would do nothing
      button.addEventListener('click', function () {
        button.disabled = true;
        J.say(account, 'One moment…', false);
        J.post(path, data(button)).then(function (answer) {
          if (answer.status === 200) {
            location.reload();
            return;
          }
          if (J.complain(account, button, answer) !== J.KEEP) button.disabled = false;
        });
      });
    });
  }

  press('data-end', 'devices/signout', function (button) { return { Id: button.dataset.end }; });
  press('data-end-others', 'devices/signout', function () { return { Others: true }; });
  press('data-revoke', 'passwords/revoke', function (button) { return { Id: button.dataset.revoke }; });

  // copies shows a button that copies text, where the browser lets a page do that.
  function copies(button, text) {
    if (!navigator.clipboard || !navigator.clipboard.writeText) return;
    button.hidden = false;
    button.addEventListener('click', function () {
      navigator.clipboard.writeText(text).then(function () {
        J.say(made, 'Copied.', false);
      }, function () {
        J.say(made, 'This browser does not copy it. Please select it, or type it.', true);
      });
    });
  }

  var form = document.getElementById('password-form');
  if (!form) return;
  var made = document.getElementById('made');
  J.submit(form, account, function (button) {
    var name = form.elements.name.value.trim();
    return J.post('passwords', { Name: name }).then(function (answer) {
      if (answer.status !== 200) return J.complain(account, button, answer);
      made.querySelector('[data-made-name]').textContent = name;
      made.querySelector('[data-made]').textContent = answer.body.Password;
      copies(made.querySelector('[data-copy]'), answer.body.Password);
      J.show(made);
      // Not on the button behind it: the password is shown only once.
      made.querySelector('h1').focus();
      return J.KEEP;
    });
  });
})();
