import { expect, type Page } from '@playwright/test'

/** Nothing on the page is wider than the screen, so that nobody has to scroll sideways. */
export async function expectNoSidewaysScroll(page: Page, path: string): Promise<void> {
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  )
  expect(overflow, path).toBeLessThanOrEqual(0)
}
