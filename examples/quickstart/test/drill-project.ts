/** The example with few orders: one below the limit, one above it. */
import type { Project } from '@signalbox/server'
import { refundsOver } from '../src/project.ts'
import { startShop } from '../src/shop.ts'

/** The project with the first and the third order only, over a shop that books each request so often. */
export function smallProject(times: number): Project {
  const project = refundsOver(() => startShop(times))
  const drills = project.drills?.map((drill) => ({ ...drill, inputs: drill.inputs.slice(1, 3) }))
  return { ...project, ...(drills ? { drills } : {}) }
}

export default smallProject(1)
