// What must be on the machine before our TypeScript can run. Node's own modules only, any Node from 20.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const isWindows = process.platform === 'win32'

/** Ends the program with a message for the person who started it. */
export function fail(message) {
  console.error(`\nwheelhouse: ${message}\n`)
  process.exit(1)
}

export function requireNode20() {
  if (Number(process.versions.node.split('.')[0]) < 20) fail(`Node 20 or newer is needed; this is ${process.version}.`)
}

/** Runs `npm ci` when node_modules is missing or does not belong to package-lock.json. */
export async function ensureDependencies() {
  const lock = join(root, 'package-lock.json')
  const wanted = createHash('sha256').update(readFileSync(lock)).digest('hex')
  const stamp = join(modules, '.wheelhouse-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  if (!isNewer(join(modules, '.package-lock.json'), lock)) {
    await installDependencies()
  }
  writeFileSync(stamp, wanted)
}

/** The Node that the lockfile pins for this system, else the running one if it is new enough. */
export function pinnedNode() {
  const system = isWindows ? 'win' : process.platform
  const pinned = join(modules, `node-${system}-${process.arch}`, 'bin', isWindows ? 'node.exe' : 'node')
  if (existsSync(pinned) && spawnSync(pinned, ['--version']).status === 0) return pinned
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  return fail(
    `No Node 24 for ${process.platform} ${process.arch} comes with the dependencies, and this is ${process.version}.\n` +
      'Install Node 24 or newer from https://nodejs.org and start again with it.',
  )
}

/** The environment in which our own programs find the pinned Node and the installed tools first, and compile each file only once. */
export function toolEnvironment(node) {
  const path = [dirname(node), join(modules, '.bin'), process.env.PATH ?? ''].join(delimiter)
  return { NODE_COMPILE_CACHE: join(modules, '.cache/wheelhouse/node'), ...process.env, PATH: path }
}

/** Agents' tools run isolated by bubblewrap; only Linux has it. */
export async function ensureBubblewrap() {
  if (process.platform !== 'linux') {
    console.log(`! Agents' tools cannot run isolated on ${process.platform} yet: the sandbox service stays off.`)
  } else {
    await ensureDebianPackage({ program: 'bwrap', debianPackage: 'bubblewrap', purpose: "isolates agents' tools" })
  }
}

/** The browser of the browser tests. Returns its path. */
export async function ensureChromium() {
  const given = process.env.CHROMIUM_PATH
  if (given) return given
  const found = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].map(findProgram).find(Boolean)
  if (found) return found
  await ensureDebianPackage({ program: 'chromium', debianPackage: 'chromium', purpose: 'runs the browser tests' })
  return findProgram('chromium')
}

/** Runs a program to its end, showing its output; resolves to its exit code. */
export function run(command, args, options = {}) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', shell: isWindows && command === 'npm', ...options })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
}

async function installDependencies() {
  const started = Date.now()
  const seconds = () => Math.round((Date.now() - started) / 1000)
  console.log('· installing dependencies (about a minute the first time)')
  const ticker = setInterval(() => console.log(`  still installing, ${seconds()} s`), 15_000)
  // Everything, whatever NODE_ENV says: the portal is built here.
  const args = ['ci', '--no-fund', '--no-audit', '--loglevel=error', '--include=dev', '--include=optional']
  const code = await run('npm', args).catch((error) => fail(`npm could not be run: ${error.message}`))
  clearInterval(ticker)
  if (code !== 0) fail('npm ci failed; its messages are above.')
  console.log(`✓ dependencies installed in ${seconds()} s`)
}

async function ensureDebianPackage({ program, debianPackage, purpose }) {
  if (findProgram(program)) return
  const apt = findProgram('apt-get')
  if (!apt || process.getuid?.() !== 0) {
    const hint = apt ? `sudo apt-get install ${debianPackage}` : `the package ${debianPackage} of your system`
    fail(`${program} is missing; it ${purpose}. Install it with: ${hint}`)
  }
  console.log(`· installing ${debianPackage}, which ${purpose}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = ['install', '-y', '-q', '--no-install-recommends', debianPackage]
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] }
  if ((await run(apt, install, { env, stdio: 'ignore' })) === 0) return
  await run(apt, ['update', '-q'], quiet)
  if ((await run(apt, install, quiet)) !== 0)
    fail(`apt-get could not install ${debianPackage}; its messages are above.`)
}

function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/bin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

function isNewer(file, than) {
  return existsSync(file) && statSync(file).mtimeMs >= statSync(than).mtimeMs
}
