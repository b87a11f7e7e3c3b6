import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('what a server may ask an agent is requested in plain words, approved, and shown on its page', async ({
  page,
}) => {
  await signInAs(page, 'Team lead')
  await page.goto('/agents/release-notes-billing/scopes')
  await page.getByRole('button', { name: 'Request a scope' }).click()
  const wish = page.getByRole('dialog')
  await wish.getByLabel('MCP server').selectOption('deploys')
  await wish.getByLabel('Class').selectOption({ label: 'Ask its model' })
  await expect(wish).toContainText('the server may have the agent’s model answer a prompt')
  await expect(wish).toContainText('Class read, risk high')
  // It has no arguments, so there is nothing to say about them.
  await expect(wish.getByLabel('Only these tools')).toHaveCount(0)
  await wish.getByLabel('Reason').fill('The deploys server lets the agent word what changed.')
  await expectAccessible(page)
  await wish.getByRole('button', { name: 'Send request' }).click()
  await page
    .getByRole('listitem')
    .filter({ hasText: 'Ask its model' })
    .getByRole('link', { name: /^asked by/ })
    .click()
  await expect(page.getByRole('heading', { name: 'Deploys: Ask its model' })).toBeVisible()
  const request = page.url()

  await signInAs(page, 'Security')
  await page.goto(request)
  await expect(page.getByRole('heading', { name: 'Deploys: Ask its model' })).toBeVisible()
  await expect(page.getByRole('main')).toContainText('Risk: high.')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Approve' }).click()
  await expect(page.getByRole('heading', { name: 'Decision' })).toBeVisible()

  await page.goto('/servers/deploys')
  const row = page
    .getByRole('table', { name: 'What Deploys may besides its tools' })
    .getByRole('row')
    .filter({ hasText: 'Ask its model' })
  await expect(row).toContainText('high')
  await expectAccessible(page)
  await row.getByRole('link', { name: '1 agent' }).click()
  await expect(page.getByRole('main')).toContainText('Release notes: billing')
})
