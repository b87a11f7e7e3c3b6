import { expect, test } from '@playwright/test'
import { adminApi } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('what an inventory reports is shown beside the catalog, dismissed with a reason, and adopted through the wizard', async ({
  page,
}) => {
  const api = await adminApi()
  const name = `Ledger bot ${Date.now()}`
  const csv = `key,name,note\n${name}-key,${name},runs with a shared key\nlab-${Date.now()},Lab trial,\n`
  const imported = await api.post('/api/v1/unregistered/import', {
    headers: { 'content-type': 'text/csv' },
    data: csv,
  })
  expect([imported.status(), await imported.json()]).toMatchObject([200, { rows: 2, added: 2 }])
  const broken = await api.post('/api/v1/unregistered/import', {
    headers: { 'content-type': 'text/csv' },
    data: 'key\n,\n',
  })
  expect(broken.status()).toBe(422)

  await signInAs(page, 'Platform admin')
  await page.goto('/agents')
  await page.getByRole('link', { name: /\d+ unregistered/ }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Unregistered' })).toBeVisible()
  await expectAccessible(page)

  const trial = page.getByRole('row', { name: /Lab trial/ })
  await trial.getByRole('button', { name: 'Dismiss' }).click()
  await expectAccessible(page)
  await page.getByRole('dialog').getByLabel('Reason').fill('A trial in the lab.')
  await page.getByRole('dialog').getByRole('button', { name: 'Dismiss finding' }).click()
  // While a dialog is open nothing behind it has a role: that it is gone says nothing yet.
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(trial).toHaveCount(0)
  await page.getByLabel('State').selectOption('dismissed')
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page.getByRole('row', { name: /Lab trial/ })).toContainText('A trial in the lab.')

  await page.goto('/agents/unregistered')
  await page.getByRole('link', { name: `Adopt ${name}` }).click()
  await expect(page.getByText(`Registers ${name}`)).toBeVisible()
  await expectAccessible(page)
  await page.getByRole('radio', { name: /Release note writer/ }).check()
  await page.getByRole('button', { name: 'Next' }).click()
  await expect(page.getByLabel('Name (required)')).toHaveValue(name)
  await page.getByLabel('Purpose (required)').fill('Post what the ledger says.')
  const team = page.getByLabel(/^Owner team/)
  if ((await team.inputValue()) === '') await team.selectOption({ index: 1 })
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('button', { name: `Create ${name}` }).click()
  await page.waitForURL(/\/agents\/[^/]+\/creation/)
  await page.goto('/agents/unregistered?state=adopted')
  await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('ledger-bot-')
})
