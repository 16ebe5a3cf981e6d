import { describe, expect, it } from 'vitest'
import type { Project } from '../project.ts'
import { chosenDrills } from './choose.ts'
import type { WorkflowDrill } from './define.ts'

// Only the names are looked at.
const drill = (workflow: string) => ({ workflow }) as WorkflowDrill
const project = (drills: readonly string[] | null) =>
  ({
    kind: 'signalbox.project',
    name: 'shop',
    workflows: [{ spec: { name: 'refunds' } }, { spec: { name: 'letters' } }],
    ...(drills ? { drills: drills.map(drill) } : {}),
  }) as unknown as Project

describe('which drills are meant', () => {
  it('DRL-001: all, or those of one workflow', () => {
    const both = project(['refunds', 'letters'])
    expect(chosenDrills(both, null).map((each) => each.workflow)).toEqual(['refunds', 'letters'])
    expect(chosenDrills(both, 'letters').map((each) => each.workflow)).toEqual(['letters'])
  })

  it('DRL-001: says what is missing', () => {
    expect(() => chosenDrills(project(null), null)).toThrow(/`shop` declares no drills: add `drills/)
    expect(() => chosenDrills(project(['paint']), null)).toThrow(/names the workflow `paint`, which .* correct/)
    expect(() => chosenDrills(project(['refunds']), 'letters')).toThrow(
      /`letters` is declared: --workflow takes `refunds`/,
    )
  })
})
