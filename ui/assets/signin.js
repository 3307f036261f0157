// Signing in, and setting up a second factor.
(function () {
  'use strict';

  var J = window.Jellyward;

  // What was typed, while a second factor is being set up; only in this page's
  // memory.
  var typed = null;

  function byId(id) { return document.getElementById(id); }

  function values(form) {
    return {
      Username: form.username.value,
      Password: form.password.value,
      Otp: form.code.value.trim()
    };
  }

  // opened stores the sign-in for jellyfin-web and goes there.
  function opened(panel, answer) {
    typed = null;
    var user = answer.body.AuthenticatedUser;
    J.credentials.save(user.ServerId, user.User.Id, user.AccessToken);
    J.say(panel, 'Opening Jellyfin…', false);
    J.next();
    return J.KEEP;
  }

  // enrol asks for a new secret and shows it.
  function enrol(panel, button) {
    return J.post('enroll', typed).then(function (answer) {
      if (answer.status !== 200) return refusedEnrolment(panel, button, answer);
      J.say(panel, '', false);
      showSecret(answer.body);
      return '';
    });
  }

  function refusedEnrolment(panel, button, answer) {
    var current = byId('enrol-current');
    var keep = J.complain(panel, button, answer);
    if (answer.status === 403 && current) {
      var first = current.hidden;
      current.hidden = false;
      byId('enrol-code').required = true;
      byId('enrol-code').value = '';
      byId('enrol-code').focus();
      if (first) J.say(panel, 'You have an authenticator app set up already. To replace it, enter a code from it.', false);
    }
    return keep;
  }

  function showSecret(body) {
    var scan = byId('scan');
    scan.querySelector('[data-qr]').src = body.QrPng;
    scan.querySelector('[data-uri]').href = body.OtpAuthUri;
    var key = scan.querySelector('[data-key]');
    key.textContent = '';
    (body.Secret.match(/.{1,4}/g) || []).forEach(function (group) {
      var span = document.createElement('span');
      span.textContent = group;
      key.appendChild(span);
      key.appendChild(document.createTextNode(' '));
    });
    J.show(scan);
  }

  function hideSecret() {
    var scan = byId('scan');
    scan.querySelector('[data-qr]').removeAttribute('src');
    scan.querySelector('[data-uri]').removeAttribute('href');
    scan.querySelector('[data-key]').textContent = '';
  }

  function confirm(button) {
    var scan = byId('scan');
    var code = byId('confirm-code');
    return J.post('confirm', {
      Username: typed.Username,
      Password: typed.Password,
      Code: code.value.trim()
    }).then(function (answer) {
      if (answer.status === 200) {
        hideSecret();
        return opened(scan, answer);
      }
      code.value = '';
      code.focus();
      return J.complain(scan, button, answer);
    });
  }

  function startSignIn() {
    var panel = byId('signin');
    var form = byId('signin-form');
    J.submit(form, panel, function (button) {
      var data = values(form);
      return J.post('authenticate', data).then(function (answer) {
        if (answer.status === 200) return opened(panel, answer);
        if (answer.status === 401 && answer.body.EnrollmentRequired) {
          typed = { Username: data.Username, Password: data.Password };
          J.say(panel, '', false);
          J.show(byId('offer'));
          return '';
        }
        form.code.value = '';
        var fields = answer.body.Fields || {};
        var wrong = fields.Username ? form.username : fields.Password ? form.password : form.code;
        wrong.focus();
        return J.complain(panel, button, answer);
      });
    });

    var offer = byId('offer');
    byId('offer-accept').addEventListener('click', function () {
      var button = this;
      button.disabled = true;
      enrol(offer, button).then(function (then) {
        if (then !== J.KEEP) button.disabled = false;
      });
    });
    byId('offer-decline').addEventListener('click', function () {
      typed = null;
      J.show(panel);
    });
  }

  function startEnrolment() {
    var panel = byId('enrol');
    var form = byId('enrol-form');
    J.submit(form, panel, function (button) {
      typed = values(form);
      return enrol(panel, button);
    });
  }

  if (byId('signin')) startSignIn();
  if (byId('enrol')) startEnrolment();
  J.submit(byId('confirm-form'), byId('scan'), confirm);
})();
