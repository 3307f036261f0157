// What hosts this page: a browser, or an app that shows jellyfin-web in a web
// view and offers facts about the device to every page.
(function () {
  'use strict';

  function ask(object, method) {
    try {
      var value = object && typeof object[method] === 'function' ? object[method]() : '';
      return typeof value === 'string' ? value : '';
    } catch (e) {
      return '';
    }
  }

  // decode undoes percent-encoding, which Android's app uses for device names.
  function decode(text) {
    try {
      return decodeURIComponent(text);
    } catch (e) {
      return text;
    }
  }

  function fromAndroid() {
    try {
      var info = JSON.parse(ask(window.NativeInterface, 'getDeviceInformation')) || {};
      return { id: info.deviceId, name: decode(info.deviceName || ''), client: info.appName, version: info.appVersion };
    } catch (e) {
      return {};
    }
  }

  function fromExpo() {
    var info = window.ExpoAppInfo || {};
    return { id: info.deviceId, name: info.deviceName, client: info.appName, version: info.appVersion };
  }

  function fromShell() {
    var host = window.NativeShell && window.NativeShell.AppHost;
    return {
      id: ask(host, 'deviceId'),
      name: ask(host, 'deviceName'),
      client: ask(host, 'appName'),
      version: ask(host, 'appVersion')
    };
  }

  // The names that jellyfin-web gives to browsers.
  function browserName(agent) {
    var names = [
      [/tizen/i, 'Samsung Smart TV'],
      [/web0s/i, 'LG Smart TV'],
      [/titanos/i, 'Titan OS'],
      [/tv.*opr\/|opr\/.*tv/i, 'Opera TV'],
      [/xbox/i, 'Xbox One'],
      [/playstation 4/i, 'Sony PS4'],
      [/edg(a|ios)?[ \/]/i, 'Edge Chromium'],
      [/edge[ \/]/i, 'Edge'],
      [/(opera|opr)[ \/]/i, 'Opera'],
      [/chrome[ \/]/i, 'Chrome'],
      [/safari[ \/]/i, 'Safari'], // every browser on an iPhone
      [/firefox[ \/]/i, 'Firefox']
    ];
    var name = 'Web Browser';
    for (var i = 0; i < names.length; i++) {
      if (names[i][0].test(agent)) {
        name = names[i][1];
        break;
      }
    }
    var touch = navigator.maxTouchPoints > 1;
    if (/ipad/i.test(agent) || (touch && /macintosh/i.test(agent))) return name + ' iPad';
    if (/iphone/i.test(agent)) return name + ' iPhone';
    if (/android/i.test(agent)) return name + ' Android';
    return name;
  }

  // storedId is jellyfin-web's device id, made as jellyfin-web makes it. It is
  // stored before it is used, so that jellyfin-web goes on with the same one.
  function storedId() {
    var id = localStorage.getItem('_deviceId2');
    if (!id) {
      id = btoa(navigator.userAgent + '|' + Date.now()).replace(/=/g, '1');
      localStorage.setItem('_deviceId2', id);
    }
    return id;
  }

  // device returns id, name, client and version, from the first that knows.
  function device() {
    var known = [fromAndroid(), fromExpo(), fromShell()];
    function first(key) {
      for (var i = 0; i < known.length; i++) {
        if (known[i][key]) return String(known[i][key]);
      }
      return '';
    }
    return {
      id: first('id') || storedId(),
      name: first('name') || browserName(navigator.userAgent),
      client: first('client') || 'Jellyfin Web',
      version: first('client') ? first('version') : ''
    };
  }

  // Android's app calls this for its back key on every page.
  if (!window.NavigationHelper) {
    window.NavigationHelper = { goBack: function () { history.back(); } };
  }

  // The Xbox app hides the page until this has been called once.
  if (/WebView2/.test(navigator.userAgent) && window.NativeShell && window.NativeShell.getPlugins) {
    try {
      window.NativeShell.getPlugins();
    } catch (e) { /* it shows the page after some seconds by itself */ }
  }

  window.Jellyward = { device: device };
})();
