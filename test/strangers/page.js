import { visit } from './browser.js';

const place = document.querySelector('#seen');
visit(new URLSearchParams(location.search).get('server')).then(
  (seen) => {
    place.textContent = JSON.stringify(seen);
  },
  (error) => {
    place.textContent = `${error.stack}`;
  },
);
