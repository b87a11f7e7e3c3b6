import { expect, type Page } from '@playwright/test'

/** Nothing on the page is wider than the screen, so that nobody has to scroll sideways; asked until a layout that has just changed has settled. */
export async function expectNoSidewaysScroll(page: Page, path: string): Promise<void> {
  const overflow = () =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  await expect.poll(overflow, { message: path }).toBeLessThanOrEqual(0)
}
