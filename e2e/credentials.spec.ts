import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const agent = '/agents/invoice-reconciler-freight'

test('a team gives its agent a credential for use elsewhere, sees its secret once, and ends it', async ({ page }) => {
  await signInAs(page, 'Team lead')
  await page.goto(`${agent}/scopes`)
  await page.getByRole('button', { name: 'Issue a credential' }).click()
  const dialog = page.getByRole('dialog')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Issue credential' }).click()
  await expect(dialog.getByText('Copy the secret now')).toBeVisible()
  await expect(dialog.getByRole('button', { name: 'Copy client secret' })).toBeVisible()
  await expectAccessible(page)
  const [clientId = '', secret = ''] = await dialog.getByRole('definition').allInnerTexts()
  expect(clientId).toMatch(/^agent-/)
  expect(secret.length).toBeGreaterThan(30)
  await dialog.getByRole('button', { name: 'Done' }).click()

  const row = page.getByRole('table', { name: /^Credentials of/ }).getByRole('row', { name: clientId })
  await expect(row).toContainText('never')
  await page.reload()
  await expect(row).toBeVisible()
  expect(await page.content()).not.toContain(secret)
  await expectAccessible(page)

  await row.getByRole('button', { name: `Revoke credential ${clientId}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke credential' }).click()
  await expect(row).toContainText('revoked')
  await page.goto(`${agent}/audit`)
  await expect(page.getByRole('row', { name: /agent\.credentials_revoked/ }).first()).toContainText(clientId)
  await expect(page.getByRole('row', { name: /agent\.credentials_issued/ }).first()).toContainText(clientId)
})

test('who may not change credentials is told why and who may', async ({ page }) => {
  await signInAs(page, 'Finance')
  await page.goto(`${agent}/scopes`)
  const issue = page.getByRole('button', { name: /^Issue a credential/ })
  await expect(issue).toHaveAttribute('aria-disabled', 'true')
  await expect(issue).toContainText(/Builder, Team lead/)
  await issue.press('Enter')
  await expect(page.getByRole('dialog')).toHaveCount(0)
})

test('an agent made without a first run leads to its creation log until it is active, and then runs on demand', async ({
  page,
}) => {
  // Its own name each time, so that the journey can run again on the same installation.
  const name = `Quiet scribe ${Date.now().toString(36)}`
  await signInAs(page, 'Team lead')
  await page.goto('/agents/new')
  const next = page.getByRole('button', { name: 'Next' })
  await page.getByRole('radio', { name: 'Release note writer' }).check()
  await next.click()
  await page.getByLabel('Name (required)').fill(name)
  await page.getByLabel('Purpose (required)').fill('Write release notes when somebody asks.')
  for (const _ of ['about', 'logic', 'scopes']) await next.click()
  await page.getByLabel('Start a first run when it is ready').uncheck()
  await page.getByRole('button', { name: `Create ${name}` }).click()
  await expect(page.getByRole('status').filter({ hasText: 'Created in' })).toBeVisible({ timeout: 60_000 })
  await expect(page.getByRole('link', { name: 'Watch the first run' })).toHaveCount(0)

  await page.getByRole('link', { name: 'Open the agent' }).click()
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible()
  await expect(page.getByRole('link', { name: 'Open the creation log' })).toHaveCount(0)
  await page.getByRole('button', { name: 'Run now' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Start run' }).click()
  await expect(page.getByRole('heading', { level: 1, name: `Run of ${name}` })).toBeVisible()
  await expect(page.getByRole('main').getByText('succeeded', { exact: true })).toBeVisible({ timeout: 90_000 })
})
