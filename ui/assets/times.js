// Times as people say them: "5 minutes ago". The server wrote them in UTC.
(function () {
  'use strict';

  function count(n, unit) {
    return n + ' ' + unit + (n === 1 ? '' : 's') + ' ago';
  }

  function ago(seconds) {
    if (seconds < 60) return 'just now';
    if (seconds < 3600) return count(Math.floor(seconds / 60), 'minute');
    if (seconds < 86400) return count(Math.floor(seconds / 3600), 'hour');
    return count(Math.floor(seconds / 86400), 'day');
  }

  Array.prototype.forEach.call(document.querySelectorAll('time'), function (time) {
    var then = Date.parse(time.dateTime);
    if (isNaN(then)) return;
    time.title = time.textContent;
    time.textContent = ago(Math.max(0, Math.floor((Date.now() - then) / 1000)));
  });
})();
