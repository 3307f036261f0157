// The login disclaimer, as jellyfin-web shows it: Markdown that may hold HTML,
// made harmless, and every link opening a new tab.
'use strict';

const disclaimer = {
  // Blocks that begin with a tag are HTML, others are paragraphs.
  render(text) {
    const blocks = text.split(/\n\s*\n/).map(block => block.trim()).filter(Boolean);
    return blocks.map(block => (/^<[a-z/!]/i.test(block) ? block : `<p>${block.replaceAll('\n', '<br>')}</p>`)).join('\n');
  },

  // Leaves forms, buttons, hidden inputs, links, style; takes away what runs or
  // leads elsewhere.
  sanitize(html) {
    const body = new DOMParser().parseFromString(html, 'text/html').body;
    body.querySelectorAll('script, iframe, object, embed, meta, link, base, template').forEach(e => e.remove());
    for (const element of body.querySelectorAll('*')) {
      for (const { name, value } of [...element.attributes]) {
        const address = ['href', 'src', 'action', 'xlink:href'].includes(name);
        const known = /^(?:(?:https?|mailto|tel|ftp|data):|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i.test(value.trim());
        const elsewhere = address && !known || name === 'href' && /^data:/i.test(value.trim());
        if (name.startsWith('on') || elsewhere || ['target', 'formaction', 'srcdoc'].includes(name)) {
          element.removeAttribute(name);
        } else if (name === 'is') {
          element.setAttribute('is', '');
        }
      }
    }
    return body;
  },

  show(into, text) {
    const body = this.sanitize(this.render(text || ''));
    for (const link of body.querySelectorAll('a')) {
      link.rel = 'noopener noreferrer';
      link.target = '_blank';
      link.classList.add('button-link');
    }
    into.replaceChildren(...body.childNodes);
  }
};
