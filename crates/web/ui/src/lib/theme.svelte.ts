/** The colour theme: that of the system, or the choice of the viewer. */
export type Theme = 'system' | 'light' | 'dark';

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };

class ThemeChoice {
  value = $state<Theme>(saved());

  next(): void {
    this.value = NEXT[this.value];
    try {
      localStorage.setItem('theme', this.value);
    } catch {
      // Storage is not available; the choice lasts until the page is closed.
    }
    if (this.value === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.value;
  }
}

function saved(): Theme {
  const value = typeof document === 'undefined' ? '' : document.documentElement.dataset['theme'];
  return value === 'light' || value === 'dark' ? value : 'system';
}

export const theme = new ThemeChoice();
