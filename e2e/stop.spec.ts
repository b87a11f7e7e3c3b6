import { expect, type Locator, test } from '@playwright/test'
import { adminApi, post } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

test.use({ viewport: { width: 360, height: 740 } })

test('on-call stops an agent from a phone in two steps; every page says so until it is released', async ({ page }) => {
  await signInAs(page, 'On-call')
  await page.goto('/agents/invoice-reconciler-services')
  await page.getByRole('main').getByRole('button', { name: 'Stop agent' }).click()
  const dialog = page.getByRole('dialog', { name: 'Stop agents' })
  await expect(dialog.getByText(/^Stops 1 agent/)).toBeVisible()
  await expectAccessible(page)
  await dialog.getByLabel('Reason').fill('It pays invoices twice.')
  await dialog.getByRole('button', { name: 'Stop Invoice reconciler: services' }).click()

  const banner = page.getByRole('alert').filter({ hasText: 'It pays invoices twice.' })
  await expect(banner).toContainText('Stopped: agent Invoice reconciler: services')
  await page.goto('/templates')
  await expect(banner).toBeVisible()
  await expectAccessible(page)

  await resumeFrom(banner, 'The supplier file was wrong, not the agent.')
})

test('on-call stops what one server serves from its page, and an agent’s team from the agent’s', async ({ page }) => {
  await signInAs(page, 'On-call')
  await page.goto('/agents/invoice-reconciler-services')
  await page.getByRole('main').getByRole('button', { name: 'Stop agent' }).click()
  const dialog = page.getByRole('dialog', { name: 'Stop agents' })
  await dialog.getByRole('radio', { name: /^Every agent of / }).check()
  await expect(dialog.getByText(/^Stops \d+ agents/)).toBeVisible()
  await expect(dialog.getByRole('button', { name: /^Stop every agent of / })).toBeVisible()

  await page.goto('/servers/deploys')
  // Somebody who is called at night sees whether it answers before stopping it.
  await expect(page.getByText(/A broker reached it/)).toBeVisible()
  await page.getByRole('button', { name: 'Stop server' }).click()
  await expect(dialog.getByRole('radio', { name: 'Every call to Deploys' })).toBeChecked()
  await expect(dialog.getByText(/^Refuses there every call of \d+ agents?/)).toBeVisible()
  await expectAccessible(page)
  await dialog.getByLabel('Reason').fill('It rolls back the wrong service.')
  await dialog.getByRole('button', { name: 'Stop every call to Deploys' }).click()
  const banner = page.getByRole('alert').filter({ hasText: 'It rolls back the wrong service.' })
  await expect(banner).toBeVisible()
  await resumeFrom(banner, 'Its routing is mended.')
})

async function resumeFrom(banner: Locator, reason: string): Promise<void> {
  const page = banner.page()
  await banner.getByRole('link', { name: 'Details and resume' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Kill switch' })).toBeVisible()
  await page
    .getByRole('button', { name: /^Resume|^Release/ })
    .first()
    .click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/Reason/).fill(reason)
  const typed = dialog.getByLabel(/^Type/)
  if (await typed.count()) await typed.fill((await typed.getAttribute('placeholder')) ?? '')
  await dialog.getByRole('button', { name: /^Resume|^Release/ }).click()
  // While a dialog is open nothing behind it has a role: that it is gone says nothing yet.
  await expect(dialog).toBeHidden()
  await expect(banner).toHaveCount(0)
}

test('stopping the whole organization takes typing it out', async ({ page }) => {
  await signInAs(page, 'On-call')
  await page.getByRole('banner').getByRole('button', { name: 'Stop' }).click()
  const dialog = page.getByRole('dialog', { name: 'Stop agents' })
  await dialog.getByRole('radio', { name: 'The whole organization' }).check()
  await expect(dialog.getByText(/^Stops \d+ agents/)).toBeVisible()
  await dialog.getByLabel('Reason').fill('A drill.')
  await expect(dialog.getByRole('button', { name: 'Stop every agent' })).toBeDisabled()
  await dialog.getByLabel(/^Type/).fill('stop everything')
  await expect(dialog.getByRole('button', { name: 'Stop every agent' })).toBeEnabled()
})

test('one person stops everything, two resume it', async ({ page }) => {
  await signInAs(page, 'On-call')
  await page.getByRole('banner').getByRole('button', { name: 'Stop' }).click()
  const stopping = page.getByRole('dialog', { name: 'Stop agents' })
  await stopping.getByRole('radio', { name: 'The whole organization' }).check()
  await stopping.getByLabel('Reason').fill('Credentials may have leaked.')
  await stopping.getByLabel(/^Type/).fill('stop everything')
  await stopping.getByRole('button', { name: 'Stop every agent' }).click()
  const banner = page.getByRole('alert').filter({ hasText: 'Credentials may have leaked.' })
  await expect(banner).toBeVisible()

  const resume = async (button: string, confirm: string, reason: string) => {
    await page.goto('/kill')
    await page.getByRole('button', { name: button }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel(/Reason/).fill(reason)
    await dialog.getByLabel(/^Type/).fill('resume everything')
    await dialog.getByRole('button', { name: confirm, exact: true }).click()
    await expect(dialog).toHaveCount(0)
  }
  await resume('Ask to resume', 'Ask to resume', 'The key was an old one.')
  await expect(page.getByText(/asked to resume .* Waits for a second person/)).toBeVisible()
  await expect(page.getByRole('button', { name: 'Confirm and resume' })).toBeDisabled()
  await expect(banner).toBeVisible()
  await expectAccessible(page)

  await signInAs(page, 'Security')
  await resume('Confirm and resume', 'Resume', 'Seen: it was rotated last week.')
  await expect(banner).toHaveCount(0)
})

test('no page is wider than a phone', async ({ page }) => {
  const api = await adminApi()
  const { requestId } = await post<{ requestId: string }>(api, '/scope-requests', {
    agentId: 'invoice-reconciler-freight',
    serverId: 'deploys',
    class: 'destructive',
    reason: 'It rolls back what it has broken.',
  })
  await signInAs(page, 'Platform admin')
  const pages = [
    '/',
    '/agents',
    '/agents/invoice-reconciler-freight',
    '/agents/invoice-reconciler-freight/versions',
    '/agents/invoice-reconciler-freight/scopes',
    '/agents/invoice-reconciler-freight/connections',
    '/templates',
    '/templates/invoice-reconciler',
    '/servers',
    '/servers/billing-db',
    '/settings/tokens',
    '/runs',
    '/fleet',
    '/requests',
    `/requests/${requestId}`,
    '/audit',
    '/kill',
    '/agents/new',
  ]
  for (const path of pages) {
    await page.goto(path)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await expectNoSidewaysScroll(page, path)
  }
  await post(api, `/scope-requests/${requestId}/withdraw`, {}, 204)
  await api.dispose()
})
