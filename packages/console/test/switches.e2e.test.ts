import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { builtConsole, openStage, press, type Stage } from './stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage(await builtConsole())
})

afterEach(async () => {
  await stage.closePages()
  stage.mock.reset()
})

afterAll(async () => {
  await stage?.close()
})

const text = (page: Page, what: string | RegExp) => page.getByText(what).first()
const lastChange = () => stage.mock.backend.changes.at(-1)

describe('kill switches', () => {
  it('CON-050: engaging takes a target, a reason and the typed word; every page then says so; lifting takes a reason', async () => {
    const page = await stage.open('olga', '/kill-switches')
    await page.getByRole('button', { name: 'Engage a kill switch…' }).press('Enter')
    await page.getByLabel('Reason').fill('the bank asked us to stop')
    await page.getByLabel(/Type engage/).fill('engage')
    await press(page, 'Enter')
    await page.getByRole('alert').getByText('Name what is to be stopped').waitFor()
    await page.getByLabel('Name of the tool').fill('payments.pay')
    await press(page, 'Enter')
    await page.getByRole('status').getByText('1 kill switch is engaged').waitFor()
    expect(lastChange()).toMatchObject({ body: { scope: 'tool', target: 'payments.pay', mode: 'stop_now' } })
    await page.getByRole('button', { name: 'Lift the switch on payments.pay' }).press('Enter')
    await press(page, 'the bank is fine again', 'Enter')
    await page.getByText('1 kill switch is engaged').waitFor({ state: 'detached' })
  })

  it('CON-052, CON-053: before it is thrown it tells what it would touch; then which workers act on it; two persons lift what stops everything', async () => {
    const page = await stage.open('olga', '/kill-switches')
    await page.getByRole('button', { name: 'Engage a kill switch…' }).press('Enter')
    const radius = page.getByRole('region', { name: 'What it would touch' })
    await radius.getByText('Name what is to be stopped').waitFor()
    await page.getByLabel('Name of the tool').fill('nothing.there')
    await radius.getByText('0 open runs').waitFor()
    await page.getByLabel('Scope').selectOption('tenant')
    await radius.getByText('3 open runs').waitFor()
    await radius.getByText('1 schedules').click()
    await radius.getByText('close-the-day').waitFor()
    expect(
      await page
        .getByLabel('Scope')
        .getByRole('option', { name: /every tenant/ })
        .count(),
    ).toBe(0)
    await page.getByLabel('Reason').fill('somebody is inside')
    await page.getByLabel(/Type engage/).fill('engage')
    await press(page, 'Enter')
    const row = page.getByRole('row', { name: /Engaged.*everything/ })
    await row.getByText('1 of 2 act on it').click()
    await row.getByText('silent: sends nothing').waitFor()
    await row.getByRole('button', { name: /^Lift/ }).press('Enter')
    await press(page, 'they are gone', 'Enter')
    await page.getByRole('dialog').getByText('it takes two persons to lift it').waitFor()
    await press(page, 'Escape')
    await page
      .getByRole('row', { name: /Lift asked for.*everything/ })
      .getByText('another person')
      .waitFor({ state: 'attached' })
    expect(stage.mock.backend.killSwitches[0]?.engaged).toBe(true)
  })

  it('CON-054: an override is confirmed by a second person with a typed word, and looked at afterwards; the history tells its chain', async () => {
    const page = await stage.open('olga', '/kill-switches')
    await page.getByRole('button', { name: /^Confirm/ }).press('Enter')
    await page.getByLabel('Reason').fill('the call was checked')
    await page.getByLabel(/Type override/).fill('override')
    await press(page, 'Enter')
    await page.getByRole('row', { name: /In force/ }).waitFor()
    expect(lastChange()).toMatchObject({
      name: 'confirmOverride',
      id: 'ov_2',
      body: { reason: 'the call was checked' },
    })
    await text(page, 'The chain holds').waitFor()
    await page.getByRole('row', { name: /thrown, by the file STOP/ }).waitFor()
  })

  it('CON-051: without the operator role the page says what is missing', async () => {
    const page = await stage.open('paul', '/kill-switches')
    await text(page, 'Kill switches need the operator role.').waitFor()
    await text(page, 'Overrides need the operator role.').first().waitFor({ state: 'attached' })
  })
})
