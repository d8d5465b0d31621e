# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# A small package of npm, without a network: install of a package beside it, build, test, much output.
# Packages: nodejs|node, npm|npm
# Seconds: 180

case $1 in
build) ;;
run)
        export npm_config_offline=true npm_config_cache=$PWD/cache npm_config_update_notifier=false \
                npm_config_audit=false npm_config_fund=false
        mkdir -p part package/test
        cat >part/package.json <<'END'
{ "name": "part", "version": "1.0.0", "main": "index.js", "bin": { "part": "index.js" } }
END
        cat >part/index.js <<'END'
#!/usr/bin/env node
console.log('SEEN: part runs, %s', process.stdout.isTTY);
END
        cat >package/package.json <<'END'
{ "name": "package", "version": "1.0.0", "dependencies": { "part": "file:../part" },
  "scripts": { "build": "node build.js", "test": "node --test test/", "fails": "exit 9",
               "prebuild": "part && echo SEEN: before the build >/dev/stderr" } }
END
        cat >package/build.js <<'END'
const fs = require('fs');
const { spawnSync, execSync } = require('child_process');
for (let i = 1; i <= 50; i++)
        process.stderr.write(`\r\x1b[K[${'#'.repeat(i)}${' '.repeat(50 - i)}]`);
process.stderr.write('\n');
fs.writeFileSync('/dev/stdout', 'SEEN: written to the name\n');
fs.writeSync(1, 'SEEN: written to the descriptor\n');
spawnSync('echo', ['SEEN: of a child'], { stdio: 'inherit' });
console.log('SEEN: %s', execSync('echo from a pipe').toString().trim());
process.on('SIGTERM', () => { console.log('SEEN: SIGTERM is heard'); clearInterval(timer); });
const timer = setInterval(() => process.kill(process.pid, 'SIGTERM'), 10);
for (let i = 0; i < 20000; i++)
        console.log(`${i} ${'x'.repeat(80)}`);
END
        cat >package/test/test.js <<'END'
const test = require('node:test');
const assert = require('node:assert');
test('adds', () => assert.strictEqual(1 + 1, 2));
test('fails', { todo: true }, () => assert.strictEqual(1, 2));
END
        cd package || exit
        npm install && echo PASS: install || echo FAIL: install
        npm run build | tee ../built && echo PASS: build || echo FAIL: build
        echo "SEEN: $(grep -c '^[0-9]* x*$' ../built) lines"
        npm test | sed -En 's/^.*(pass|fail|todo) ([0-9]+)$/SEEN: \1 \2/p'
        echo "SEEN: npm test exits with ${PIPESTATUS[0]}"
        npm test >/dev/stderr && echo PASS: test || echo FAIL: test
        npx --offline part && echo PASS: npx || echo FAIL: npx
        # To a pipe Node writes without blocking, and exits without what it has not written.
        node -e 'for (let i = 1; i <= 3000; i++) console.log(`SEEN: burst ${i}`); process.exit(0)'
        node -e 'for (let i = 1; i <= 3000; i++) console.error(`SEEN: burst ${i}`); process.exit(1)'
        npm run fails
        echo "SEEN: npm hands on $?"
        exit 0
        ;;
esac
