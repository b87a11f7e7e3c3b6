// npm run bench:catalog [-- --agents 100000 | --url http://localhost:3000]: the catalog page in Chromium. bench/README.md says how it is measured.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { chromium, type Page } from '@playwright/test'
import { chromiumLaunch } from '#lib/dev/chromium.ts'
import { withOwnProduct } from '#lib/dev/own-product.ts'
import { root } from '#lib/dev/source-files.ts'
import { print } from './print.ts'

const { values } = parseArgs({
  options: {
    /** A Wheelhouse that runs already, with whatever fleet it has. */
    url: { type: 'string' },
    agents: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '7' },
  },
})
const rounds = Number(values.rounds)
if (values.url) await measure(values.url)
else
  await withOwnProduct(async (env) => {
    await seedFleet(env)
    await measure(env['WHEELHOUSE_URL']!)
  })

/** Beside the demo data: an id collides with none of them. */
async function seedFleet(env: NodeJS.ProcessEnv): Promise<void> {
  const args = [join(root, 'lib/dev/seed/seed-main.ts'), 'fleet', '--agents', values.agents]
  const seed = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' })
  const code = await new Promise((resolve) => seed.once('close', resolve))
  if (code !== 0) throw new Error('The fleet could not be loaded.')
}

async function measure(url: string): Promise<void> {
  const browser = await chromium.launch(chromiumLaunch)
  try {
    const context = await browser.newContext({ viewport: { width: 1500, height: 900 } })
    const page = await context.newPage()
    await page.goto(`${url}/sign-in`)
    await page.getByRole('button', { name: /^Sign in as Security,/ }).click()
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
    // The first visit waits for the index of a fleet that was just loaded; it is no part of the figures.
    await page.goto(`${url}/agents?q=`, { timeout: 120_000 })
    const scripts = await scriptBytes(page, url)
    const [paints, clicks] = [[] as number[], [] as number[]]
    for (let round = 0; round < rounds; round += 1) {
      paints.push(await firstPaint(page, url))
      clicks.push(await facetClick(page))
    }
    print(await page.getByRole('navigation', { name: 'Pages' }).innerText())
    print(`first contentful paint   ${described(paints)}`)
    print(`facet click to new rows  ${described(clicks)}`)
    print(`JavaScript of the page   ${(scripts / 1000).toFixed(0)} kB gzip`)
  } finally {
    await browser.close()
  }
}

function described(times: readonly number[]): string {
  return `median ${median(times).toFixed(0)} ms of ${times.map((ms) => ms.toFixed(0)).join(' ')}`
}

/** Every script that a first visit loads, as `gzip` makes it. */
async function scriptBytes(page: Page, url: string): Promise<number> {
  // Nothing of the page that is left may still be arriving.
  await page.goto('about:blank')
  const sizes: Promise<number>[] = []
  page.on('response', (response) => {
    if (response.request().resourceType() === 'script')
      sizes.push(response.body().then((body) => gzipSync(body).length))
  })
  await page.goto(`${url}/agents?q=`, { waitUntil: 'networkidle' }).catch(() => {})
  page.removeAllListeners('response')
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

async function firstPaint(page: Page, url: string): Promise<number> {
  await page.goto(`${url}/agents?q=`)
  await page.getByRole('table', { name: 'Agents' }).waitFor()
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0)
  return await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]!.startTime)
}

/** From the click until the address and the table are those of the filter, as the page itself sees it. */
async function facetClick(page: Page): Promise<number> {
  await page.waitForTimeout(500)
  return await page.evaluate(
    async () =>
      await new Promise<number>((resolve) => {
        const links = [
          ...document.querySelectorAll<HTMLAnchorElement>('aside ul[aria-label="Status"] a[href*="suspended"]'),
        ]
        const shown = links.find((each) => each.offsetParent !== null)!
        const started = performance.now()
        const observer = new MutationObserver(() => {
          if (!document.querySelector('[aria-label="Filters in force"]')) return
          observer.disconnect()
          requestAnimationFrame(() => resolve(performance.now() - started))
        })
        observer.observe(document.body, { subtree: true, childList: true })
        shown.click()
      }),
  )
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}
