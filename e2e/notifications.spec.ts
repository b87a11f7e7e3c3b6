import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, type Page, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

/** The team lead asks for a scope on the CRM. */
async function askFor(page: Page, agent: string): Promise<void> {
  await signInAs(page, 'Team lead')
  await page.goto(`/agents/${agent}/scopes`)
  await page.getByRole('button', { name: 'Request a scope' }).click()
  const wish = page.getByRole('dialog')
  await wish.getByLabel('MCP server').selectOption('crm')
  await wish.getByLabel('Reason').fill('It names who a bill is for.')
  await wish.getByRole('button', { name: 'Send request' }).click()
  await expect(wish).toBeHidden()
}

test('a request lights the bell of who decides, who opens it from there; the requester is told what became of it', async ({
  page,
}) => {
  await askFor(page, 'release-notes-billing')
  await signInAs(page, 'Security')
  const bell = page.getByRole('button', { name: /^Notifications/ })
  await expect(bell).toHaveAccessibleName(/\d+ unread/)
  const asked = page.getByRole('menuitem', { name: /Tessa Lindholm asks for read on crm/ })
  await expect(async () => {
    await page.keyboard.press('Escape')
    await bell.click()
    await expect(asked.first()).toBeVisible({ timeout: 1000 })
  }).toPass()
  await expectAccessible(page)
  await asked.first().click()
  await expect(page.getByRole('heading', { name: 'What changes' })).toBeVisible()
  const request = page.url()
  await page.getByRole('textbox', { name: 'Note' }).fill('Ask finance first.')
  await page.getByRole('button', { name: 'Reject' }).click()
  await expect(page.getByRole('heading', { name: 'Decision' })).toBeVisible()
  await page.goto('/inbox?state=unread')
  await expect(page.getByRole('heading', { level: 1, name: 'Inbox' })).toBeVisible()
  await expect(page.locator(`a[href="${new URL(request).pathname}"]`)).toHaveCount(0)

  await signInAs(page, 'Team lead')
  await page.goto('/inbox')
  const told = page.getByRole('list', { name: 'Notifications' }).getByRole('listitem').filter({ hasText: 'rejected' })
  await expect(async () => {
    await page.reload()
    await expect(told.first()).toContainText('Sina Rahimi: Ask finance first.', { timeout: 1000 })
  }).toPass()
  await expectAccessible(page)
  await told
    .first()
    .getByRole('button', { name: /^Mark read/ })
    .click()
  await expect(told.first().getByRole('button', { name: /^Mark unread/ })).toBeVisible()
  await page.getByLabel('Kind').selectOption({ label: 'Decisions on my scope requests' })
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page).toHaveURL(/kind=request_decided/)
  await expect(told.first()).toBeVisible()
})

test('people choose what they are told of and where, and send a test to a chat of theirs', async ({ page }) => {
  const received: string[] = []
  const receiver = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push(body)
      response.writeHead(200).end('ok')
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`

  // This machine is inside: only who manages channels may have it told.
  await signInAs(page, 'Team lead')
  await page.goto('/settings/notifications')
  await expect(page.getByText('This installation sends no mail')).toBeVisible()
  await expectAccessible(page)
  const mode = page.getByLabel('Grants that end: Mail')
  await mode.selectOption('weekly')
  await expect(mode).toHaveAttribute('aria-busy', 'false')
  await page.getByLabel('Time zone').fill('Europe/Berlin')
  await page.getByLabel('Hour there').selectOption('07:00')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('Digests come then.')).toBeVisible()
  await page.reload()
  await expect(mode).toHaveValue('weekly')
  await expect(page.getByLabel('Time zone')).toHaveValue('Europe/Berlin')

  await page.getByRole('button', { name: 'Add: My Slack channel' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Address').fill('http://hooks.example.com/T1')
  await dialog.getByRole('button', { name: 'Add channel' }).click()
  await expect(dialog).toContainText('Use an https address')
  await expectAccessible(page)
  await dialog.getByLabel('Address').fill(`http://${host}/services/T1`)
  await dialog.getByRole('button', { name: 'Add channel' }).click()
  await expect(dialog).toBeHidden()
  await expect(page.getByRole('main')).toContainText(host)
  await expect(page.getByRole('main')).not.toContainText('services/T1')
  await page.getByRole('listitem').filter({ hasText: host }).getByRole('button', { name: 'Send a test' }).click()
  await expect.poll(() => received.length).toBe(1)
  expect(JSON.parse(received[0]!)).toMatchObject({ text: expect.stringContaining('Tessa Lindholm') })
  await page.getByRole('button', { name: 'Delete Slack' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await expect(page.getByRole('main')).not.toContainText(host)
  receiver.close()
})

test('somebody names who stands in and ends it; who stands in decides under their own name, as for the other', async ({
  page,
}) => {
  await signInAs(page, 'Builder')
  await page.goto('/settings/delegation')
  await expectAccessible(page)
  await page.getByLabel('Who').selectOption({ label: 'Amira Selim' })
  await page.getByLabel('Until').fill('2020-01-01T10:00')
  await page.getByLabel('Why').fill('On leave.')
  await page.getByRole('button', { name: 'Name them' }).click()
  await expect(page.getByText('It ends after it begins, and not before now.')).toBeVisible()
  const next = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 16)
  await page.getByLabel('Until').fill(next)
  await page.getByRole('button', { name: 'Name them' }).click()
  const row = page.getByRole('row').filter({ hasText: 'Amira Selim' })
  await expect(row).toContainText('in force')
  await expectAccessible(page)
  await row.getByRole('button', { name: /^End/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click()
  // While a dialog is open nothing behind it has a role: that it is gone says nothing yet.
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(row).toHaveCount(0)

  await askFor(page, 'release-notes-billing')
  await page.getByRole('link', { name: /^asked by/ }).click()
  await expect(page.getByRole('heading', { name: 'What changes' })).toBeVisible()
  const request = page.url()
  await signInAs(page, 'Security')
  await expect(page.getByRole('heading', { name: 'Scope requests that wait for me' })).toBeVisible()
  await page.goto(request)
  await expect(page.getByRole('main')).toContainText('You stand in for Bianca Russo')
  await page.getByLabel('In whose place').selectOption({ index: 1 })
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Approve' }).click()
  await expect(page.getByRole('heading', { name: 'Decision' })).toBeVisible()
  await expect(page.getByRole('main')).toContainText('Sina Rahimi, for Bianca Russo')
})
