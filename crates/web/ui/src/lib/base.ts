/** URL of the service without a trailing slash. It has a path if a proxy adds a prefix. */
export const base: string =
  typeof document === 'undefined' ? '' : new URL('.', document.baseURI).href.replace(/\/$/, '');
