// What all pages share: focus by arrow keys, messages, panels, posting.
(function () {
  'use strict';

  var J = window.Jellyward;
  var KEEP = 'keep';

  function all(selector, root) {
    return Array.prototype.slice.call((root || document).querySelectorAll(selector));
  }

  function visible(element) {
    return element.offsetWidth > 0 && !element.disabled;
  }

  // move gives the focus to the next or previous element that takes it, for
  // remote controls and gamepads, which send arrow keys.
  function move(by) {
    var stops = all('a[href], button, input').filter(visible);
    if (!stops.length) return;
    var at = stops.indexOf(document.activeElement);
    var to = at < 0 ? (by > 0 ? 0 : stops.length - 1) : at + by;
    if (to < 0 || to >= stops.length) return;
    stops[to].focus();
    if (stops[to].scrollIntoView) stops[to].scrollIntoView({ block: 'nearest' });
  }

  document.addEventListener('keydown', function (event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.isComposing) return;
    var typing = event.target && event.target.tagName === 'INPUT';
    switch (event.key) {
      case 'ArrowDown':
        move(1);
        break;
      case 'ArrowUp':
        move(-1);
        break;
      case 'ArrowRight':
        if (typing) return; // moves in the text
        move(1);
        break;
      case 'ArrowLeft':
        if (typing) return;
        move(-1);
        break;
      default:
        return;
    }
    event.preventDefault();
  });

  // say shows text in the panel's message line, which screen readers read out.
  function say(panel, text, isError) {
    var line = panel.querySelector('[data-message]');
    line.textContent = text;
    line.classList.toggle('error', !!isError);
    line.hidden = !text;
    if (isError && line.scrollIntoView) line.scrollIntoView({ block: 'nearest' });
  }

  // show makes one panel the only one, and tells screen readers its heading.
  function show(panel) {
    all('main > section').forEach(function (s) { s.hidden = s !== panel; });
    document.querySelector('main').classList.toggle('wide', panel.id === 'scan');
    var first = panel.querySelector('input:not([type=hidden])') || panel.querySelector('button, a[href]');
    window.scrollTo(0, 0);
    (panel.id === 'scan' ? panel.querySelector('h1') : first || panel.querySelector('h1')).focus();
  }

  // post sends JSON and resolves with the status and the answer. It never
  // rejects: status 0 means that there was no answer.
  function post(path, data) {
    var device = J.device();
    var headers = {
      'Content-Type': 'application/json',
      'Accept': 'application/json',
      'X-DeviceId': encodeURIComponent(device.id),
      'X-DeviceName': encodeURIComponent(device.name),
      'X-Client': encodeURIComponent(device.client),
      'X-Client-Version': encodeURIComponent(device.version)
    };
    return fetch(document.body.dataset.base + '/sso/2fa/' + path, {
      method: 'POST',
      headers: headers,
      body: JSON.stringify(data),
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error'
    }).then(function (response) {
      return response.json().catch(function () { return {}; }).then(function (body) {
        return {
          status: response.status,
          body: body || {},
          retryAfter: parseInt(response.headers.get('Retry-After'), 10) || 0
        };
      });
    }).catch(function () {
      return { status: 0, body: {}, retryAfter: 0 };
    });
  }

  function duration(seconds) {
    if (seconds < 120) return seconds + (seconds === 1 ? ' second' : ' seconds');
    return Math.ceil(seconds / 60) + ' minutes';
  }

  // waitFor counts down in the message line, with the button out of use.
  function waitFor(panel, button, seconds) {
    var end = Date.now() + seconds * 1000;
    button.disabled = true;
    function tick() {
      var left = Math.ceil((end - Date.now()) / 1000);
      if (left <= 0) {
        button.disabled = false;
        say(panel, 'You can try again now.', false);
        return;
      }
      say(panel, 'Too many tries. Please wait ' + duration(left) + '.', true);
      setTimeout(tick, left > 120 ? 15000 : 1000);
    }
    tick();
  }

  // complain says what went wrong with an answer that is not a success, and
  // tells whether the button must stay out of use.
  function complain(panel, button, answer) {
    if (answer.status === 429 && !answer.body.Locked) {
      waitFor(panel, button, answer.retryAfter || 1);
      return KEEP;
    }
    var text = answer.body.ErrorMessage;
    if (!text && answer.status === 0) text = 'There was no answer. Check your connection and try again.';
    if (!text) text = 'Something went wrong here. Please try again in a moment.';
    say(panel, text, true);
    if (answer.body.SignInAgain) offerSignIn(panel);
    return '';
  }

  // offerSignIn puts a way to a fresh sign-in, and back to this page, behind a
  // message.
  function offerSignIn(panel) {
    var link = document.createElement('a');
    link.className = 'quiet-link';
    link.href = document.body.dataset.base + '/sso/2fa?fresh=1&return=' + encodeURIComponent(location.pathname + location.search);
    link.textContent = 'Sign in again';
    var line = panel.querySelector('[data-message]');
    line.appendChild(document.createTextNode(' '));
    line.appendChild(link);
    link.focus();
  }

  // submit calls send when the form is complete, one at a time. The button is
  // out of use meanwhile, and stays so if send resolves with KEEP.
  function submit(form, panel, send) {
    var button = form.querySelector('button[type=submit]');
    button.disabled = false;
    form.addEventListener('submit', function (event) {
      event.preventDefault();
      if (button.disabled || !complete(form, panel)) return;
      button.disabled = true;
      say(panel, 'One moment…', false);
      send(button).then(function (then) {
        if (then !== KEEP) button.disabled = false;
      }, function () {
        button.disabled = false;
        say(panel, 'Your browser did not let this page store the sign-in. Allow site data for this address and try again.', true);
      });
    });
  }

  // complete marks the fields that lack something and goes to the first.
  function complete(form, panel) {
    var missing = all('input[required]', form).filter(function (i) { return visible(i) && !i.value.trim(); });
    mark(form, missing);
    if (!missing.length) return true;
    var label = form.querySelector('label[for="' + missing[0].id + '"]');
    say(panel, 'Please fill in: ' + label.textContent + '.', true);
    missing[0].focus();
    return false;
  }

  function mark(form, wrong) {
    all('input', form).forEach(function (i) {
      if (wrong.indexOf(i) >= 0) i.setAttribute('aria-invalid', 'true');
      else i.removeAttribute('aria-invalid');
    });
  }

  all('[data-reveal]').forEach(function (button) {
    var input = document.getElementById(button.dataset.reveal);
    button.addEventListener('click', function () {
      var shown = input.type === 'text';
      input.type = shown ? 'password' : 'text';
      button.textContent = shown ? 'Show' : 'Hide';
      button.setAttribute('aria-label', shown ? 'Show password' : 'Hide password');
    });
  });

  // Some browsers leave the attribute alone, and remote controls need a start.
  var start = document.querySelector('[autofocus]');
  if (start && document.activeElement === document.body) start.focus();

  J.say = say;
  J.show = show;
  J.post = post;
  J.complain = complain;
  J.submit = submit;
  J.KEEP = KEEP;
  // next goes where the visitor wanted to go. The server never saw a fragment,
  // which is where jellyfin-web keeps its own addresses; it came along here.
  J.next = function () {
    var to = document.body.dataset.next;
    if (location.hash.indexOf('#/') === 0 && to.indexOf('#') < 0) to += location.hash;
    location.replace(to);
  };
})();
