/** Headers of every request of the page. Other sites cannot send this one without being asked first. */
export function headers(): Record<string, string> {
  return { 'X-Requested-With': 'federation' };
}
