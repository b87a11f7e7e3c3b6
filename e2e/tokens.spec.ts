import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('a token is shown once, works for what was chosen, and ends when revoked', async ({
  page,
  playwright,
  baseURL,
}) => {
  const name = `Journey ${Date.now()}`
  await signInAs(page, 'Builder')
  await page.goto('/settings/tokens')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'New token' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill(name)
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Make token' }).click()
  const token = await dialog.getByText(/^wh_pat_/).innerText()
  await dialog.getByRole('button', { name: 'Close' }).click()
  await expect(page.getByText(token)).toHaveCount(0)

  const api = await playwright.request.newContext({ baseURL, extraHTTPHeaders: { authorization: `Bearer ${token}` } })
  expect((await api.get('/api/portal/agents?text=freight')).status()).toBe(200)
  await page.getByRole('button', { name: `Revoke ${name}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke token' }).click()
  await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('revoked')
  expect((await api.get('/api/portal/agents?text=freight')).status()).toBe(401)
})
