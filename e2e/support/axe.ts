import { AxeBuilder } from '@axe-core/playwright'
import { expect, type Page } from '@playwright/test'

const wcag22aa = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** The page as it stands breaks no rule of WCAG 2.2 A and AA that a machine can check; each that it does is named with the element. */
export async function expectAccessible(page: Page): Promise<void> {
  // A page that was just refreshed gets its title a moment later.
  await expect(page).toHaveTitle(/./)
  // What fades in or out is judged when it has.
  await page.evaluate(async () => {
    // What goes with scrolling ends only where somebody scrolls to the end.
    const timed = document.getAnimations().filter(({ timeline }) => timeline === document.timeline)
    const ends = timed.filter((each) => each.effect?.getComputedTiming().endTime !== Infinity)
    await Promise.all(ends.map((each) => each.finished.catch(() => {})))
  })
  // What a scrolled page has half under its header is no smaller for that.
  const scrolled = await page.evaluate(() => {
    const { scrollY } = window
    window.scrollTo({ top: 0, behavior: 'instant' })
    return scrollY
  })
  const { violations } = await new AxeBuilder({ page }).withTags(wcag22aa).analyze()
  await page.evaluate((top) => window.scrollTo({ top, behavior: 'instant' }), scrolled)
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help} at ${node.target.join(' ')}`),
  )
  expect(found, 'accessibility').toEqual([])
}
