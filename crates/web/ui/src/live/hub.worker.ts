/** The shared worker that holds the event stream of all tabs. */
import { headers } from '../api/headers';
import { Hub, type Tab, type ToHub } from './hub';
import { EventStream } from './stream';

const hub = new Hub((url, handlers) => new EventStream({ url, headers }, handlers));

self.addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port === undefined) return;
  const tab: Tab = { post: (message) => port.postMessage(message) };
  port.addEventListener('message', ({ data }: MessageEvent<ToHub>) => hub.receive(tab, data));
  port.start();
});
