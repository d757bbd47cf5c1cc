// Fails if a package that is part of the page has an advisory. Says so if the registry cannot tell.
import { spawnSync } from 'node:child_process';

const { stdout } = spawnSync('npm', ['audit', '--json', '--omit=dev'], { encoding: 'utf8' });
let report;
try {
  report = JSON.parse(stdout);
} catch {
  report = {};
}
if (report.metadata === undefined) {
  console.log('advisories: NOT CHECKED, because the registry does not offer them');
} else {
  for (const [name, { severity }] of Object.entries(report.vulnerabilities)) {
    console.error(`${name}: ${severity}; see npm audit`);
    process.exitCode = 1;
  }
}
