import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('an endpoint is found in the reference, with its fields and a command to paste', async ({ page, request }) => {
  await signInAs(page, 'Builder')
  await page.goto('/settings/tokens')
  await page.getByRole('main').getByRole('link', { name: 'API reference' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'API reference' })).toBeVisible()
  await expectAccessible(page)

  await page.getByRole('searchbox', { name: 'Words of an endpoint' }).fill('{id}/suspend')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('main').getByRole('listitem')).toHaveCount(1)
  await page.getByRole('link', { name: '/agents/{id}/suspend' }).click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText('/api/v1/agents/{id}/suspend')
  await expect(page.getByText('Needs agents:suspend')).toBeVisible()
  await expect(page.getByLabel('Command', { exact: true })).toContainText('-d \'{"reason":')
  await expectAccessible(page)

  const answer = await request.get('/api/v1/openapi.json')
  const etag = answer.headers()['etag'] ?? ''
  expect(await answer.json()).toMatchObject({ openapi: '3.1.1' })
  expect((await request.get('/api/v1/openapi.json', { headers: { 'if-none-match': etag } })).status()).toBe(304)
})
