// Checks the licences of all packages in package-lock.json. The rule is that of deny.toml.
import { readFileSync } from 'node:fs';

const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'Python-2.0',
]);
// Tools that are not part of the page may also have these.
const ALLOWED_FOR_TOOLS = new Set([...ALLOWED, 'CC-BY-4.0', 'CC0-1.0', 'MPL-2.0']);

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const problems = [];
let count = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '') continue;
  count += 1;
  if (entry.resolved !== undefined) problems.push(`${path}: names the registry ${entry.resolved}`);
  if (entry.integrity === undefined) problems.push(`${path}: has no hash`);
  const licence = String(entry.license ?? 'none').replace(/^\((.*)\)$/, '$1');
  const allowed = entry.dev === true ? ALLOWED_FOR_TOOLS : ALLOWED;
  if (!licence.split(' OR ').some((one) => allowed.has(one))) {
    problems.push(`${path}: the licence ${licence} is not allowed`);
  }
}
for (const problem of problems) console.error(problem);
console.log(`${count} packages checked`);
process.exitCode = problems.length === 0 ? 0 : 1;
