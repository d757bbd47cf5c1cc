/** The current time, updated every second while the page is visible. */
class Now {
  value = $state.raw(new Date());

  start(): void {
    setInterval(() => {
      if (!document.hidden) this.value = new Date();
    }, 1000);
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.value = new Date();
    });
  }
}

export const now = new Now();
