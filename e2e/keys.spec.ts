import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('somebody who uses the keyboard alone finds the keys, the filter and the way back', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto('/runs')

  const keys = page.getByRole('dialog', { name: 'Keys' })
  // The page listens once its scripts run.
  await expect(async () => {
    await page.keyboard.press('?')
    await expect(keys).toBeVisible({ timeout: 1000 })
  }).toPass()
  await expectAccessible(page)
  await page.keyboard.press('Escape')
  await expect(keys).toHaveCount(0)

  await page.keyboard.press('/')
  const filter = page.getByRole('search', { name: 'Filter runs' }).getByRole('textbox', { name: 'Agent id' })
  await expect(filter).toBeFocused()
  // In a field the same keys are text.
  await page.keyboard.type('?/')
  await expect(filter).toHaveValue('?/')
  await expect(keys).toHaveCount(0)

  // Stopping is two interactions away, and giving up leads back to where one was.
  const stop = page.getByRole('banner').getByRole('button', { name: 'Stop' })
  await stop.focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(stop).toBeFocused()
})

test('whoever wants exact times sees them in UTC on every page', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto('/audit')
  await page.getByRole('button', { name: /^Account of/ }).click()
  await page.getByRole('menuitem', { name: 'Show times in UTC' }).click()
  const times = page.getByRole('region', { name: 'Audit events' }).getByRole('time')
  await expect(times.first()).toHaveText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/)
  await page.goto('/runs')
  await expect(page.getByRole('region', { name: 'Runs' }).getByRole('time').first()).toHaveText(/ UTC$/)
})

test('an address that no page has is said within the frame', async ({ page }) => {
  await signInAs(page, 'Security')
  const answer = await page.goto('/nothing/here')
  expect(answer?.status()).toBe(404)
  await expect(page).toHaveTitle('Not found · Wheelhouse')
  await expect(page.getByRole('heading', { level: 1, name: 'There is nothing here' })).toBeVisible()
  await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible()
  await expectAccessible(page)
})
