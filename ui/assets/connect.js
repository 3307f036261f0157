// Approving the six digits that a television shows.
(function () {
  'use strict';

  var J = window.Jellyward;

  function byId(id) { return document.getElementById(id); }

  var panel = byId('connect');
  var form = byId('connect-form');
  var ask = byId('ask');
  var input = byId('connect-code');
  var linked = !!input.value;

  // digits drops the spaces and dashes that come along when digits are pasted.
  function digits() { return input.value.replace(/[^0-9]/g, ''); }

  function put(selector, text) { ask.querySelector(selector).textContent = text; }

  function asked(seconds) {
    if (seconds < 60) return 'just now';
    var minutes = Math.floor(seconds / 60);
    return minutes + (minutes === 1 ? ' minute ago' : ' minutes ago');
  }

  function from(found) {
    if (!found.Network) return 'not known';
    return found.Network + (found.SameNetwork ? ' (your own network)' : ' (not the network you are in)');
  }

  function question(code, found) {
    put('[data-app]', found.Known ? found.App : 'not known: nothing that asked through this address shows these digits');
    put('[data-device]', found.Known ? found.Device : 'not known');
    put('[data-from]', from(found));
    put('[data-asked]', found.Known ? asked(found.Age) : 'not known');
    put('[data-digits]', code.slice(0, 3) + ' ' + code.slice(3));
    J.say(ask, '', false);
    J.show(ask);
    // Who only followed a link, or mistyped, should read first.
    (linked || !found.Known ? ask.querySelector('h1') : byId('ask-allow')).focus();
  }

  J.submit(form, panel, function (button) {
    var code = digits();
    if (code.length !== 6) {
      J.say(panel, 'These are not six digits. Look at the television again.', true);
      input.focus();
      return Promise.resolve('');
    }
    return J.post('connect/look', { Code: code }).then(function (answer) {
      if (answer.status === 200) {
        J.say(panel, '', false);
        question(code, answer.body);
        return '';
      }
      input.focus();
      return J.complain(panel, button, answer);
    });
  });

  byId('ask-allow').addEventListener('click', function () {
    var button = this;
    button.disabled = true;
    J.say(ask, 'One moment…', false);
    J.post('connect/allow', { Code: digits() }).then(function (answer) {
      if (answer.status === 200) {
        J.show(byId('done'));
        return;
      }
      if (J.complain(ask, button, answer) !== J.KEEP) button.disabled = false;
    });
  });

  byId('ask-cancel').addEventListener('click', function () {
    input.value = '';
    linked = false;
    J.say(panel, '', false);
    J.show(panel);
  });

  // A QR code's address brings the digits along; what they are for is shown
  // at once, and still has to be allowed.
  if (digits().length === 6) form.querySelector('button[type=submit]').click();
})();
