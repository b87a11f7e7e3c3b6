import { type APIRequestContext, expect, type Page, test } from '@playwright/test'
import { hostileLines } from '#lib/dev/test/hostile-texts.ts'
import { adminApi, post } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

type Named = { id: string; text: string }

const longReason = 'W'.repeat(400)

/** An agent with each of the texts for its name and purpose, and the texts in an inventory. */
async function hostileFleet(api: APIRequestContext): Promise<Named[]> {
  const { items: people } = (await (await api.get('/api/v1/people?active=true')).json()) as {
    items: { id: string; teamIds: string[] }[]
  }
  const owner = people.find(({ teamIds }) => teamIds.length > 0)!
  const fleet = hostileLines.map(([, text], at) => ({ id: `hostile-${at}`, text }))
  for (const { id, text } of fleet) {
    await post(api, '/agents', {
      id,
      name: text,
      purpose: text.repeat(4),
      ownerTeamId: owner.teamIds[0],
      accountablePersonId: owner.id,
      tier: 'low',
      templateId: 'release-note-writer',
      layer: { prompt: `${text}\n${'W'.repeat(10_000)}`, parameters: {} },
    })
  }
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  const rows = fleet.map(({ id, text }) => `${id},${quoted(text)},${quoted(text)}\n`)
  const headers = { 'content-type': 'text/csv' }
  const data = `key,name,note\n${rows.join('')}`
  expect((await api.post('/api/v1/unregistered/import', { headers, data })).status()).toBe(200)
  return fleet
}

/** It is text and nothing else, and nothing is wider than the screen. */
async function expectOnlyText(page: Page, path: string): Promise<void> {
  await page.goto(path)
  await expect(page.getByRole('heading', { level: 1 }), path).toBeVisible()
  // The hostile texts would write these as the title.
  expect(await page.title(), path).not.toMatch(/^(?:run|1)$/)
  const made = page.locator('main img[src="x"], main script:not([nonce]), main a[href*="evil.example"]')
  await expect(made, path).toHaveCount(0)
  await expectNoSidewaysScroll(page, path)
}

test('a fleet with the worst of names is shown as text: nothing runs, nothing leaves the screen of a phone', async ({
  page,
}) => {
  test.setTimeout(600_000)
  const api = await adminApi()
  const fleet = await hostileFleet(api)
  const longest = fleet.find(({ text }) => text.startsWith('WWW'))!
  const wrong: string[] = []
  page.on('dialog', (dialog) => {
    wrong.push(dialog.message())
    void dialog.dismiss()
  })
  page.on('pageerror', (error) => wrong.push(error.message))
  await signInAs(page, 'Platform admin')
  await page.setViewportSize({ width: 360, height: 740 })

  await test.step('the page of each agent', async () => {
    for (const { id, text } of fleet) {
      await expectOnlyText(page, `/agents/${id}`)
      // What is stored is what is shown, whitespace aside.
      const shown = await page.getByRole('heading', { level: 1 }).textContent()
      expect(plain(shown ?? ''), id).toBe(plain(text))
    }
  })

  await test.step('lists, and the parts of the agent with the longest word', async () => {
    const parts = ['creation', 'versions', 'scopes', 'connections', 'runs', 'cost', 'history', 'audit']
    const lists = [
      '/agents?q=hostile',
      `/agents?q=${'W'.repeat(900)}`,
      '/agents/unregistered',
      '/approvals/rules',
      '/audit',
      '/inbox',
      '/fleet',
      '/runs',
      '/',
      ...parts.map((part) => `/agents/${longest.id}/${part}`),
    ]
    for (const path of lists) await expectOnlyText(page, path)
    for (const path of ['/agents?q=hostile', `/agents/${fleet[0]!.id}`, `/agents/${longest.id}/versions`]) {
      await page.goto(path)
      await expectAccessible(page)
    }
  })

  await test.step('a request for it', async () => {
    const asked = { agentId: longest.id, serverId: 'erp', class: 'write', days: 30, reason: longReason }
    const { requestId } = await post<{ requestId: string }>(api, '/scope-requests', asked)
    await expectOnlyText(page, `/requests/${requestId}`)
    await expectAccessible(page)
    await expectOnlyText(page, '/requests')
  })

  await test.step('its stop: the dialog, the banner of every page, and the list of stops', async () => {
    await page.goto(`/agents/${longest.id}`)
    await page.getByRole('main').getByRole('button', { name: 'Stop agent' }).click()
    const dialog = page.getByRole('dialog', { name: 'Stop agents' })
    const stop = dialog.getByRole('button', { name: `Stop ${longest.text}` })
    await expect(stop).toBeVisible()
    expect(await dialog.locator('form').evaluate((form) => form.scrollWidth - form.clientWidth)).toBeLessThanOrEqual(0)
    await dialog.getByLabel('Reason').fill(longReason)
    await stop.click()
    const banner = page.getByRole('alert').filter({ hasText: longReason })
    await expect(banner).toBeVisible()
    await expectNoSidewaysScroll(page, 'the banner')
    await expectOnlyText(page, '/kill')
    await expectAccessible(page)
    const { items } = (await (await api.get('/api/v1/kill?open=true')).json()) as {
      items: { id: string; targetId: string }[]
    }
    const { id } = items.find(({ targetId }) => targetId === longest.id)!
    await post(api, `/kill/${id}/release`, { reason: longReason }, 200)
    await expect(banner).toHaveCount(0)
  })

  await test.step('on a desk', async () => {
    await page.setViewportSize({ width: 1280, height: 900 })
    for (const path of ['/agents?q=hostile', '/agents/unregistered', `/agents/${longest.id}`]) {
      await expectOnlyText(page, path)
    }
  })

  // The journeys that follow have a fleet without them.
  for (const { id, text } of fleet) await post(api, `/agents/${id}/retire`, { reason: `${text}.....` }, 204)
  await page.setViewportSize({ width: 360, height: 740 })
  await expectOnlyText(page, `/agents/${longest.id}`)
  await api.dispose()
  expect(wrong).toEqual([])
})

function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
