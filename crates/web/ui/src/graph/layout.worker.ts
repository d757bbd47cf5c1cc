/** Computes layouts outside of the thread that draws. */
import { place, type Box, type Link } from './layout';

interface Job {
  number: number;
  boxes: Box[];
  links: Link[];
  aspect: number;
}

self.addEventListener('message', ({ data }: MessageEvent<Job>) => {
  self.postMessage({ number: data.number, placed: place(data.boxes, data.links, data.aspect) });
});
