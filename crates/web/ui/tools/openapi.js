// Writes the OpenAPI document of the program FEDERATION_BINARY to a file.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from '../browser/service.js';

const [, , target] = process.argv;
const dir = mkdtempSync(join(tmpdir(), 'federation-openapi-'));
const service = await startService({ dir });
try {
  const answer = await fetch(`${service.url}/openapi.json`);
  writeFileSync(target, await answer.text());
} finally {
  await service.stop();
  rmSync(dir, { recursive: true });
}
