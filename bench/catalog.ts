// npm run bench:catalog [-- --url http://localhost:3000]: the catalog page in Chromium. bench/README.md says how it is measured.
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { chromium, type Page } from '@playwright/test'
import { print } from './print.ts'

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://localhost:3000' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
    rounds: { type: 'string', default: '7' },
  },
})
const rounds = Number(values.rounds)
const browser = await chromium.launch({ executablePath: values.chromium, args: ['--no-sandbox', '--disable-gpu'] })
try {
  const context = await browser.newContext({ viewport: { width: 1500, height: 900 } })
  const page = await context.newPage()
  await page.goto(`${values.url}/sign-in`)
  await page.getByRole('button', { name: /^Sign in as Security,/ }).click()
  await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
  const scripts = await scriptBytes(page)
  const [paints, clicks] = [[] as number[], [] as number[]]
  for (let round = 0; round < rounds; round += 1) {
    paints.push(await firstPaint(page))
    clicks.push(await facetClick(page))
  }
  print(await page.getByRole('navigation', { name: 'Pages' }).innerText())
  print(
    `first contentful paint   median ${median(paints).toFixed(0)} ms of ${paints.map((ms) => ms.toFixed(0)).join(' ')}`,
  )
  print(
    `facet click to new rows  median ${median(clicks).toFixed(0)} ms of ${clicks.map((ms) => ms.toFixed(0)).join(' ')}`,
  )
  print(`JavaScript of the page   ${(scripts / 1000).toFixed(0)} kB gzip`)
} finally {
  await browser.close()
}

/** Every script that a first visit loads, as `gzip` makes it. */
async function scriptBytes(page: Page): Promise<number> {
  // Nothing of the page that is left may still be arriving.
  await page.goto('about:blank')
  const sizes: Promise<number>[] = []
  page.on('response', (response) => {
    if (response.request().resourceType() === 'script')
      sizes.push(response.body().then((body) => gzipSync(body).length))
  })
  await page.goto(`${values.url}/agents?q=`, { waitUntil: 'networkidle' }).catch(() => {})
  page.removeAllListeners('response')
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

async function firstPaint(page: Page): Promise<number> {
  await page.goto(`${values.url}/agents?q=`)
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
