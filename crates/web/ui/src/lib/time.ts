/** Words for times and durations. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Formats a duration with its two largest units: `3 s`, `4 min 10 s`, `2 h 5 min`, `6 d 3 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return joined(whole, MINUTE, 'min', 1, 's');
  if (whole < DAY) return joined(whole, HOUR, 'h', MINUTE, 'min');
  return joined(whole, DAY, 'd', HOUR, 'h');
}

/** Leaves out the seconds after minutes, which would only flicker. */
function coarse(seconds: number): string {
  const unit = seconds < MINUTE ? 1 : seconds < DAY ? MINUTE : HOUR;
  return duration(Math.floor(seconds / unit) * unit);
}

function joined(seconds: number, large: number, one: string, small: number, two: string): string {
  const rest = Math.floor((seconds % large) / small);
  const first = `${Math.floor(seconds / large)} ${one}`;
  return rest === 0 ? first : `${first} ${rest} ${two}`;
}

/** Formats the distance of a time from now. Clocks may differ by some seconds. */
export function relative(time: Date, now: Date): string {
  const seconds = (now.getTime() - time.getTime()) / 1000;
  if (seconds < -MINUTE) return `in ${coarse(-seconds)}`;
  return seconds < 1 ? 'now' : `${coarse(seconds)} ago`;
}

const exactFormat = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'long',
});
const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** The exact time in the zone of the viewer. */
export function exact(time: Date): string {
  return exactFormat.format(time);
}

export function clock(time: Date): string {
  return clockFormat.format(time);
}

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});

/** A time to the minute in the zone of the viewer, without the day if it is today. */
export function moment(time: Date, now: Date): string {
  return (time.toDateString() === now.toDateString() ? timeFormat : dayFormat).format(time);
}
