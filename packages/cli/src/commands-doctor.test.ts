import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { CONTRACT, systemHost } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { addDoctorCommand } from './commands-doctor.ts'

const CONFIG = fileURLToPath(new URL('../../../examples/flow/src/project.ts', import.meta.url))

/** What `doctor` prints so many days after the contract was compared with its conventions. */
async function doctorAfter(days: number, ...flags: string[]): Promise<string> {
  const lines: string[] = []
  const write = (text: string): number => lines.push(text)
  const terminal = { stdout: { write }, stderr: { write }, env: {} }
  const program = new Command()
  const now = Date.parse(CONTRACT.reviewedOn) + days * 86_400_000
  addDoctorCommand(program, { terminal, setExitCode: () => undefined }, { ...systemHost, now: () => now })
  await program.parseAsync(['node', 'signalbox', 'doctor', '--config', CONFIG, ...flags])
  return lines.join('')
}

describe('doctor', () => {
  it('OBS-043: tells from the 101st day on that the telemetry contract is due, in text and JSON', async () => {
    expect(await doctorAfter(99)).not.toContain('Due:')
    expect(await doctorAfter(101)).toMatch(/Due: the telemetry contract was compared .*101 days ago/)
    expect(JSON.parse(await doctorAfter(100, '--json'))).toMatchObject({ warnings: [] })
    expect(JSON.parse(await doctorAfter(101, '--json')).warnings).toHaveLength(1)
  })
})
